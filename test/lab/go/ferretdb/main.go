// FerretDB's SQLite server in mongod's place: FerretDB is a server of MongoDB's protocol. Two things are ours, which FerretDB 1.24 lacks on SQLite.
// Commands that write go one after another, since a change of one document, which is one act in MongoDB, is a read and a write of it here. And documents
// are found by their _id: its own index for that is written otherwise than its queries, and these ask for one only where a filter says nothing else.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/internal/backends"
	"github.com/FerretDB/FerretDB/internal/backends/sqlite"
	"github.com/FerretDB/FerretDB/internal/backends/sqlite/metadata"
	"github.com/FerretDB/FerretDB/internal/clientconn"
	"github.com/FerretDB/FerretDB/internal/clientconn/connmetrics"
	"github.com/FerretDB/FerretDB/internal/handler"
	"github.com/FerretDB/FerretDB/internal/types"
	"github.com/FerretDB/FerretDB/internal/util/iterator"
	"github.com/FerretDB/FerretDB/internal/util/password"
	"github.com/FerretDB/FerretDB/internal/util/state"
	"github.com/FerretDB/wire"
)

var writes = []string{"insert", "update", "delete", "findAndModify", "findandmodify", "create", "createIndexes", "drop", "dropDatabase", "dropIndexes", "createUser", "updateUser", "dropUser"}

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := run(logger); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(logger *slog.Logger) error {
	host, folder := argument("--bind_ip", "0.0.0.0"), argument("--dbpath", "/data/db")
	address := net.JoinHostPort(strings.Split(host, ",")[0], argument("--port", "27017"))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	states, err := state.NewProvider("")
	if err != nil {
		return err
	}
	err = states.Update(func(s *state.State) {
		s.DisableTelemetry()
		s.TelemetryLocked = true
	})
	if err != nil {
		return err
	}
	engine, err := sqlite.NewBackend(&sqlite.NewBackendParams{URI: "file:" + filepath.Clean(folder) + "/?_pragma=synchronous(normal)", L: logger, P: states, BatchSize: 100})
	if err != nil {
		return err
	}
	defer engine.Close()
	metrics := connmetrics.NewListenerMetrics()
	options := &handler.NewOpts{
		Backend: byID{engine}, TCPHost: address, L: logger, ConnMetrics: metrics.ConnMetrics, StateProvider: states, BatchSize: 100,
	}
	if user := os.Getenv("MONGO_INITDB_ROOT_USERNAME"); user != "" {
		options.EnableNewAuth = true
		options.SetupDatabase, options.SetupUsername = "admin", user
		options.SetupPassword = password.WrapPassword(os.Getenv("MONGO_INITDB_ROOT_PASSWORD"))
	}
	commands, err := handler.New(options)
	if err != nil {
		return err
	}
	oneByOne(commands)
	listener, err := clientconn.Listen(&clientconn.NewListenerOpts{TCP: address, Mode: clientconn.NormalMode, Metrics: metrics, Handler: commands, Logger: logger})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	fmt.Println("FerretDB 1.24.0 on SQLite, waiting for connections on", address)
	listener.Run(ctx)
	return nil
}

// argument is the value of one of mongod's, which mean the same here; the others are not looked at.
func argument(name, otherwise string) string {
	for i, one := range os.Args {
		if one == name && i+1 < len(os.Args) {
			return os.Args[i+1]
		}
		if value, found := strings.CutPrefix(one, name+"="); found {
			return value
		}
	}
	return otherwise
}

func oneByOne(all *handler.Handler) {
	var lock sync.Mutex
	commands := all.Commands()
	for _, name := range writes {
		command, found := commands[name]
		if !found {
			continue
		}
		act := command.Handler
		command.Handler = func(ctx context.Context, message *wire.OpMsg) (*wire.OpMsg, error) {
			lock.Lock()
			defer lock.Unlock()
			return act(ctx, message)
		}
	}
}

type byID struct{ backends.Backend }
type database struct {
	backends.Database
	name string
}
type collection struct{ backends.Collection }

func (b byID) Database(name string) (backends.Database, error) {
	found, err := b.Backend.Database(name)
	if err != nil {
		return nil, err
	}
	return database{found, name}, nil
}

// indexed has the collections whose index on _id is there.
var indexed sync.Map

func (d database) index(ctx context.Context, name string) error {
	path := filepath.Join(argument("--dbpath", "/data/db"), d.name+".sqlite")
	if _, done := indexed.Load(d.name + "." + name); done {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	file, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer file.Close()
	var table string
	if file.QueryRowContext(ctx, "select table_name from _ferretdb_collections where name = ?", name).Scan(&table) != nil {
		return nil // it is not there yet
	}
	_, err = file.ExecContext(ctx, fmt.Sprintf("create index if not exists %q on %q (%s)", table+"_by_id", table, metadata.IDColumn))
	if err == nil {
		indexed.Store(d.name+"."+name, true)
	}
	return err
}

func (d database) Collection(name string) (backends.Collection, error) {
	found, err := d.Database.Collection(name)
	if err != nil {
		return nil, err
	}
	if err = d.index(context.Background(), name); err != nil {
		return nil, err
	}
	return collection{found}, nil
}

// Query reads what the filter might find, at once: the handler looks at each document again, and keeps the connections of all that a command reads until its end.
func (c collection) Query(ctx context.Context, params *backends.QueryParams) (*backends.QueryResult, error) {
	if params == nil || params.Filter.Len() == 0 || params.Limit != 0 || params.OnlyRecordIDs {
		return c.Collection.Query(ctx, params)
	}
	value, _ := params.Filter.Get("_id")
	id, found := value.(string)
	if !found {
		return c.Collection.Query(ctx, params)
	}
	filter, err := types.NewDocument("_id", id)
	if err != nil {
		return nil, err
	}
	one := *params
	one.Filter = filter
	result, err := c.Collection.Query(ctx, &one)
	if err != nil {
		return nil, err
	}
	documents, err := iterator.ConsumeValues(result.Iter)
	if err != nil {
		return nil, err
	}
	return &backends.QueryResult{Iter: iterator.Values(iterator.ForSlice(documents))}, nil
}
