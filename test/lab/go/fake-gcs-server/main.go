// fake-gcs-server in Google Cloud Storage's place, in memory. Signatures of URLs, which it does not look at, are verified here, as Google documents them
// (https://cloud.google.com/storage/docs/authentication/canonical-requests), with the public key of the one service account that there is.
package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	address, key := ":4443", (*rsa.PublicKey)(nil)
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if text := os.Getenv("SIGNER_PUBLIC_KEY"); text != "" {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return errors.New("SIGNER_PUBLIC_KEY is not in PEM")
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return err
		}
		key = parsed.(*rsa.PublicKey)
	}
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true})
	if err != nil {
		return err
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("X-Goog-Signature") {
			if err := verify(r, key); err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			r.Host = "storage.googleapis.com" // by which it knows a path that begins with the bucket
		}
		server.HTTPHandler().ServeHTTP(w, r)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		os.Exit(0)
	}()
	return http.ListenAndServe(address, http.HandlerFunc(handler))
}

func verify(r *http.Request, key *rsa.PublicKey) error {
	query := r.URL.Query()
	if key == nil || query.Get("X-Goog-Algorithm") != "GOOG4-RSA-SHA256" || query.Get("X-Goog-SignedHeaders") != "host" {
		return errors.New("SignatureDoesNotMatch: another way to sign")
	}
	begun, err := time.Parse("20060102T150405Z", query.Get("X-Goog-Date"))
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(query.Get("X-Goog-Expires"))
	if err != nil || seconds < 1 || seconds > 604_800 {
		return errors.New("AuthenticationQueryParametersError: X-Goog-Expires")
	}
	if now := time.Now(); now.After(begun.Add(time.Duration(seconds)*time.Second)) || now.Before(begun.Add(-time.Minute)) {
		return errors.New("ExpiredToken: it has expired, or is of the future")
	}
	signature, err := hex.DecodeString(query.Get("X-Goog-Signature"))
	if err != nil {
		return err
	}
	host, _, _ := strings.Cut(r.Host, ":")
	request := strings.Join([]string{r.Method, r.URL.EscapedPath(), canonical(query), "host:" + host + "\n", "host", "UNSIGNED-PAYLOAD"}, "\n")
	_, scope, _ := strings.Cut(query.Get("X-Goog-Credential"), "/")
	text := fmt.Sprintf("GOOG4-RSA-SHA256\n%s\n%s\n%x", query.Get("X-Goog-Date"), scope, sha256.Sum256([]byte(request)))
	digest := sha256.Sum256([]byte(text))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return errors.New("SignatureDoesNotMatch: it is of another request, or by another account")
	}
	return nil
}

func canonical(query url.Values) string {
	parts := []string{}
	for name, values := range query {
		if name != "X-Goog-Signature" {
			parts = append(parts, encoded(name)+"="+encoded(values[0]))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

func encoded(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
