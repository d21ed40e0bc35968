package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// echoed are errors of every kind that there is, each from an exchange in which
// the other side quotes what must not be seen.
func echoed(t *testing.T) []error {
	t.Helper()
	echo := secretPassword + " " + secretNumber + " " + secretText
	var errs []error
	for _, answer := range []string{
		http200("ERROR;7;" + echo), http200("ERROR;" + echo + ";" + echo), http200(echo), httpStatus("502 "+echo, echo),
		httpStatus("404 "+echo, echo), httpStatus("302 "+echo, echo), httpStatus("403 Forbidden", "ERROR;5;"+echo),
		"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + echo, "HTTP/1.1 " + echo + "\r\n\r\n", "",
		http200("MESSAGE;1;" + echo + ";" + echo + ";1:7:1," + echo),
	} {
		client, err := smslink.NewClient("connection", secretPassword, &smslink.Options{
			Endpoint: peer(t, func(conn net.Conn, _ []byte) { _, _ = io.WriteString(conn, answer) }),
		})
		require.NoError(t, err)
		p := secretPackage(t)
		resp, err := client.Send(context.Background(), p)
		if err == nil {
			errs = append(errs, resp.Err(), resp.Results[0].Err())
			_, err = client.Send(context.Background(), p)
		}
		errs = append(errs, err, p.Add(smslink.Message{ID: 2, To: secretNumber, Text: secretText}))
		_, err = client.Balance(context.Background())
		errs = append(errs, err)
	}
	quoting := newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		raw, _ := io.ReadAll(r.Body)
		return nil, fmt.Errorf("could not send %s", raw)
	})}})
	stopping := newClient(t, nil).Stream(func(yield func(smslink.Message, error) bool) { yield(smslink.Message{}, errors.New("the cursor")) }, nil)
	for range stopping.Batches(context.Background()) {
	}
	errs = append(errs, stopping.Err(), smslink.ErrUnknown, new(smslink.Package).Add(smslink.Message{ID: 1, To: secretNumber + ";" + secretNumber, Text: secretText}))
	p := secretPackage(t)
	p.Codec = smslink.CodecNone
	_, err := quoting.Send(context.Background(), p)
	return append(errs, err,
		new(smslink.Package).Add(smslink.Message{ID: 1, To: secretNumber, Text: secretText + "%0A"}),
		new(smslink.Package).Add(smslink.Message{ID: -1, To: secretNumber, Text: secretText}))
}

// Every error, and every one that it wraps, printed in every way, as a pointer and
// as a value; and no error type that the package declares is left out.
func TestErrorTypes_showNoSecrets(t *testing.T) {
	met := map[string]bool{}
	var walk func(err error)
	walk = func(err error) {
		if err == nil {
			return
		}
		requireNoSecrets(t, err, []error{err}, struct{ Err error }{err}, map[string]any{"err": err})
		typ := reflect.TypeOf(err)
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
			if value := reflect.ValueOf(err).Elem(); ast.IsExported(typ.Name()) {
				requireNoSecrets(t, value.Interface())
			}
		}
		met[typ.Name()] = met[typ.Name()] || typ.PkgPath() == "github.com/go-smslink/smslink"
		if typ.Name() == "reworded" {
			return // what it wraps is there for who asks for it: see withoutQuotes
		}
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			for _, inner := range several.Unwrap() {
				walk(inner)
			}
		}
		walk(errors.Unwrap(err))
	}
	for _, err := range echoed(t) {
		walk(err)
	}
	for _, name := range declaredErrorTypes(t) {
		require.True(t, met[name], "no test here has met a %s", name)
	}
}

// declaredErrorTypes are the types in the package's source that have an Error method.
func declaredErrorTypes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var names []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Error" {
				continue
			}
			receiver := f.Recv.List[0].Type
			if pointer, ok := receiver.(*ast.StarExpr); ok {
				receiver = pointer.X
			}
			names = append(names, receiver.(*ast.Ident).Name)
		}
	}
	require.Contains(t, names, "SendError")
	return names
}

// A program that dies with one of our values in its panic prints it to a log that
// strangers may read.
func TestPanicText_showsNoSecrets(t *testing.T) {
	const asked = "SMSLINK_TEST_PANIC"
	if which := os.Getenv(asked); which != "" {
		client, _ := smslink.NewClient("connection", secretPassword, nil)
		p := secretPackage(t)
		for m := range p.Messages() {
			panic(map[string]any{
				"error": echoed(t)[0], "client": client, "client value": *client, "package": p, "message": m, "send error": *sendError(t, echoed(t)[0]),
			}[which])
		}
	}
	for _, which := range []string{"error", "client", "client value", "package", "message", "send error"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestPanicText_showsNoSecrets$")
		cmd.Env = append(os.Environ(), asked+"="+which, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "panic: ")
		requireNoSecret(t, string(out))
	}
}
