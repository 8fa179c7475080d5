// FerretDB's SQLite server in mongod's place: FerretDB is a server of MongoDB's protocol. Two things are ours, which FerretDB 1.24 lacks on SQLite.
// Commands that write go one after another, since a change of one document, which is one act in MongoDB, is a read and a write of it here. And documents
// are found by their _id or their tenant through an index, where FerretDB reads the whole collection.
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
	"github.com/FerretDB/FerretDB/internal/handler/sjson"
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
type collection struct {
	backends.Collection
	database, name string
}

func (b byID) Database(name string) (backends.Database, error) {
	found, err := b.Backend.Database(name)
	if err != nil {
		return nil, err
	}
	return database{found, name}, nil
}

// fields are what documents are found by, the narrowest first.
var fields = []string{"_id", "id", "life", "tenant"}

// live goes with each of them, for filters that want nothing that was deleted.
const live = "coalesce(" + metadata.DefaultColumn + "->'$.deleted', 'null')"

func column(field string) string { return fmt.Sprintf("%s->'$.%s'", metadata.DefaultColumn, field) }

// tables are opened beside FerretDB's own connections, by database; names are those of tables by database and collection, once they have the indexes.
var tables, names sync.Map

// table is empty for a collection that is not there yet.
func (c collection) table(ctx context.Context) (*sql.DB, string, error) {
	path := filepath.Join(argument("--dbpath", "/data/db"), c.database+".sqlite")
	if _, err := os.Stat(path); err != nil {
		return nil, "", nil
	}
	file, known := tables.Load(c.database)
	if !known {
		opened, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
		if err != nil {
			return nil, "", err
		}
		if file, known = tables.LoadOrStore(c.database, opened); known {
			opened.Close()
		}
	}
	db := file.(*sql.DB)
	if name, found := names.Load(c.database + "." + c.name); found {
		return db, name.(string), nil
	}
	var name string
	if db.QueryRowContext(ctx, "select table_name from _ferretdb_collections where name = ?", c.name).Scan(&name) != nil {
		return db, "", nil
	}
	for _, field := range fields {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("create index if not exists %q on %q (%s, %s)", name+"_by_"+field, name, column(field), live)); err != nil {
			return nil, "", err
		}
	}
	names.Store(c.database+"."+c.name, name)
	return db, name, nil
}

func (d database) DropCollection(ctx context.Context, params *backends.DropCollectionParams) error {
	names.Delete(d.name + "." + params.Name)
	return d.Database.DropCollection(ctx, params)
}

func (d database) Collection(name string) (backends.Collection, error) {
	found, err := d.Database.Collection(name)
	if err != nil {
		return nil, err
	}
	return collection{found, d.name, name}, nil
}

// Query reads what the filter might find, at once: the handler looks at each document again, and keeps the connections of all that a command reads until its end.
func (c collection) Query(ctx context.Context, params *backends.QueryParams) (*backends.QueryResult, error) {
	if params == nil || params.OnlyRecordIDs {
		return c.Collection.Query(ctx, params)
	}
	for _, field := range fields {
		value, _ := params.Filter.Get(field)
		if wanted := texts(value); wanted != nil {
			documents, err := c.having(ctx, params.Filter, field, wanted)
			if err != nil {
				return nil, err
			}
			return &backends.QueryResult{Iter: iterator.Values(iterator.ForSlice(documents))}, nil
		}
	}
	return c.Collection.Query(ctx, params)
}

// texts are what a field must be one of; nil where the filter says anything but a text, or that it is in a list of texts.
func texts(value any) []any {
	list := []any{value}
	if operators, found := value.(*types.Document); found && operators.Len() == 1 {
		in, _ := operators.Get("$in")
		array, found := in.(*types.Array)
		if !found || array.Len() == 0 {
			return nil
		}
		values, err := iterator.ConsumeValues(array.Iterator())
		if err != nil {
			return nil
		}
		list = values
	}
	for i, one := range list {
		if _, found := one.(string); !found {
			return nil
		}
		text, err := sjson.MarshalSingleValue(one)
		if err != nil {
			return nil
		}
		list[i] = string(text)
	}
	return list
}

func (c collection) having(ctx context.Context, filter *types.Document, field string, wanted []any) ([]*types.Document, error) {
	db, table, err := c.table(ctx)
	if err != nil || table == "" {
		return nil, err
	}
	places := "?" + strings.Repeat(", ?", len(wanted)-1)
	more := ""
	if deleted, err := filter.Get("deleted"); err == nil && deleted == types.Null {
		more = " and " + live + " = 'null'"
	}
	query := fmt.Sprintf("select %s from %q where %s in (%s)%s order by rowid", metadata.DefaultColumn, table, column(field), places, more)
	rows, err := db.QueryContext(ctx, query, wanted...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var documents []*types.Document
	for rows.Next() {
		var text []byte
		if err = rows.Scan(&text); err != nil {
			return nil, err
		}
		document, err := sjson.Unmarshal(text)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return documents, rows.Err()
}
