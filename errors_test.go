package smslink_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/secrets"
	"github.com/stretchr/testify/require"
)

func secretPackage(t *testing.T) *smslink.Package {
	t.Helper()
	var p smslink.Package
	require.NoError(t, p.Add(smslink.Message{ID: 1, To: secrets.Number, Text: secrets.Text}))
	return &p
}

func TestNothingShowsAPasswordANumberOrAText(t *testing.T) {
	client, err := smslink.NewClient("connection", secrets.Password, nil)
	require.NoError(t, err)
	type holder struct {
		client  *smslink.Client
		Client  smslink.Client
		Package *smslink.Package
		hidden  *smslink.Package
	}
	p := secretPackage(t)
	for m := range p.Messages() {
		require.Equal(t, "message 1 (text of 24 bytes)", fmt.Sprint(m))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			secrets.RequireAbsent(t, fmt.Sprintf(verb, m)+fmt.Sprintf(verb, &m)+fmt.Sprintf(verb, []smslink.Message{m}))
		}
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "m", m)
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "m", m)
		secrets.RequireAbsent(t, logged.String())
	}
	secrets.RequireHidden(t, client, *client, &smslink.Options{}, smslink.Options{}, p, holder{client, *client, p, p},
		&holder{client, *client, p, p})

	for _, m := range []smslink.Message{
		{ID: -1, To: secrets.Number, Text: secrets.Text},
		{ID: 1, To: secrets.Number, From: ";", Text: secrets.Text},
		{ID: 1, To: secrets.Number, Text: secrets.Text + "%0A"},
		{ID: 1, To: "Ion", Text: secrets.Text},
	} {
		err := new(smslink.Package).Add(m)
		require.Error(t, err)
		secrets.RequireHidden(t, err, fmt.Errorf("wrapped: %w", err))
	}
}

// A server echoes the request in every place where net/http might quote it, and the log has
// every level.
func TestSend_serverThatEchoesTheUpload(t *testing.T) {
	echo := secrets.Password + " " + secrets.Number + " " + secrets.Text
	for name, answer := range map[string]string{
		"in an ERROR's text":       http200("ERROR;7;wrong password " + echo),
		"in an ERROR's code":       http200("ERROR;" + echo + ";x"),
		"in an unreadable body":    http200("<html>" + echo + "</html>"),
		"in a body cut short":      "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + echo,
		"in place of HTTP":         echo + "\r\n\r\n",
		"in the status line":       "HTTP/1.1 " + echo + "\r\n\r\n",
		"in the status text":       "HTTP/1.1 500 " + echo + "\r\nContent-Length: 0\r\n\r\n",
		"in a header":              "HTTP/1.1 200 OK\r\n" + echo + "\r\n\r\n",
		"in the length":            "HTTP/1.1 200 OK\r\nContent-Length: " + echo + "\r\n\r\n",
		"in the transfer encoding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + echo + "\r\n\r\n",
		"in a chunk's size":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + echo + "\r\n",
		"in a redirect":            "HTTP/1.1 302 Found\r\nLocation: http://" + echo + "\r\nContent-Length: 0\r\n\r\n",
		"in a redirect's %":        "HTTP/1.1 302 Found\r\nLocation: %zz" + echo + "\r\nContent-Length: 0\r\n\r\n",
		"in an accepted entry":     http200("MESSAGE;1;ok;77;" + echo + ",1:1:3"),
		"in an accepted code":      http200("MESSAGE;" + echo + ";ok;77;1:1:3"),
		"in an accepted text":      http200("MESSAGE;1;" + echo + ";77;1:1:3"),
		"in the package's id":      http200("MESSAGE;1;ok;" + echo + ";1:1:3"),
		"as the package's id":      http200("MESSAGE;1;ok;" + secrets.Number + ";1:1:3"),
		"as a remote id":           http200("MESSAGE;1;ok;77;1:" + secrets.Password + ":1"),
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			client, err := smslink.NewClient("connection", secrets.Password, &smslink.Options{
				Endpoint: peer(t, func(conn net.Conn, _ []byte) { _, _ = io.WriteString(conn, answer) }),
				Logger:   slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			require.NoError(t, err)
			resp, err := client.Send(context.Background(), secretPackage(t))
			require.NotEmpty(t, logged.String())
			secrets.RequireAbsent(t, logged.String())
			if err == nil {
				err = resp.Results[0].Err()
				printed := fmt.Sprintf("%v\n%+v\n%#v\n%s\n%q", err, err, err, err, err) // JSON has the remote id
				secrets.RequireAbsent(t, printed)
				return
			}
			secrets.RequireHidden(t, err, fmt.Errorf("wrapped: %w", err))
			var gatewayErr *smslink.GatewayError
			if errors.As(err, &gatewayErr) {
				secrets.RequireHidden(t, gatewayErr)
			}
		})
	}
}

// The same with a transport of the caller's that wraps errors which quote secrets.
func TestSend_transportThatQuotesTheUpload(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	errQuoting := errors.New(secrets.Password)
	for name, inner := range map[string]error{
		"nothing": nil, "a lost connection": io.ErrUnexpectedEOF, "an end": io.EOF,
		"a timeout":   context.DeadlineExceeded,
		"the context": context.Canceled, "the network": &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
		"the network, quoting": &net.OpError{Op: "write", Net: "tcp", Err: errQuoting},
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			client, err := smslink.NewClient("connection", secrets.Password, &smslink.Options{
				Logger: slog.New(slog.NewTextHandler(&logged, nil)),
				HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					raw, _ := io.ReadAll(r.Body)
					if errors.Is(inner, context.Canceled) {
						cancel()
					}
					if inner == nil {
						return nil, fmt.Errorf("could not send %s", raw)
					}
					return nil, fmt.Errorf("could not send %s: %w", raw, inner)
				})},
			})
			require.NoError(t, err)
			p := secretPackage(t)
			p.Codec = smslink.CodecNone
			ctx := ctx
			if !errors.Is(inner, context.Canceled) {
				ctx = context.Background()
			}
			_, err = client.Send(ctx, p)
			requireOutcome(t, smslink.OutcomeInDoubt, p, err)
			secrets.RequireHidden(t, err)
			secrets.RequireAbsent(t, logged.String())
			if inner != nil && !errors.Is(inner, errQuoting) {
				require.ErrorIs(t, err, inner)
				require.ErrorContains(t, err, strings.TrimPrefix(inner.Error(), "unexpected "))
			} else {
				require.ErrorContains(t, err, "to see it, unwrap SendError.Err")
			}
		})
	}
}

func TestLogger_hasCountsAndOutcomes(t *testing.T) {
	gw := newGateway(t, nil)
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, err := smslink.NewClient(gw.ConnectionID, gw.Password, &smslink.Options{Endpoint: gw.URL, Logger: logger})
	require.NoError(t, err)
	p := packageOf(t, 1, 2, 3)
	_, err = client.Send(context.Background(), p)
	require.NoError(t, err)
	require.Contains(t, logged.String(), `level=DEBUG msg="smslink: uploading" messages=3 plain_bytes=`)
	require.Contains(t, logged.String(),
		`level=INFO msg="smslink: package accepted" package=1001 messages=3 succeeded=3 unmatched=0 elapsed=`)
	_, err = client.Send(context.Background(), p)
	require.Error(t, err)
	require.Contains(t, logged.String(),
		`level=WARN msg="smslink: package failed" outcome="in doubt" http_status=0 error="smslink: the package was `+
			`accepted before;`)
}

func TestLogger_levels(t *testing.T) {
	for answer, want := range map[string]string{
		"MESSAGE;1;ok;77;1:a:3":       "INFO",
		"MESSAGE;1;ok;77;1:a:2":       "WARN",
		"MESSAGE;1;ok;77;1:a:3,9:b:3": "WARN",
		"ERROR;8;no credit":           "WARN",
		"<html>":                      "ERROR",
	} {
		var logged bytes.Buffer
		client := newClient(t, &smslink.Options{
			Logger: slog.New(slog.NewTextHandler(&logged, nil)),
			HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				_, _ = io.Copy(io.Discard, r.Body)
				return response(200, answer), nil
			})},
		})
		_, _ = client.Send(context.Background(), packageOf(t, 1))
		require.Equal(t, 1, strings.Count(logged.String(), "\n"), "one event a call")
		require.Contains(t, logged.String(), "level="+want, answer)
	}
}

// echoed returns errors of every kind, from exchanges in which the other side quotes secrets.
func echoed(t *testing.T) []error {
	t.Helper()
	echo := secrets.Password + " " + secrets.Number + " " + secrets.Text
	var errs []error
	for _, answer := range []string{
		http200("ERROR;7;" + echo), http200("ERROR;" + echo + ";" + echo), http200(echo), httpStatus("502 "+echo, echo),
		httpStatus("404 "+echo, echo), httpStatus("302 "+echo, echo), httpStatus("403 Forbidden", "ERROR;5;"+echo),
		"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + echo, "HTTP/1.1 " + echo + "\r\n\r\n", "",
		http200("MESSAGE;1;" + echo + ";" + echo + ";1:7:1," + echo),
	} {
		client, err := smslink.NewClient("connection", secrets.Password, &smslink.Options{
			Endpoint: peer(t, func(conn net.Conn, _ []byte) { _, _ = io.WriteString(conn, answer) }),
		})
		require.NoError(t, err)
		p := secretPackage(t)
		resp, err := client.Send(context.Background(), p)
		if err == nil {
			errs = append(errs, resp.Err(), resp.Results[0].Err())
			_, err = client.Send(context.Background(), p)
		}
		errs = append(errs, err, p.Add(smslink.Message{ID: 2, To: secrets.Number, Text: secrets.Text}))
		_, err = client.Balance(context.Background())
		errs = append(errs, err)
	}
	quoting := newClient(t, via(func(r *http.Request) (*http.Response, error) {
		raw, _ := io.ReadAll(r.Body)
		return nil, fmt.Errorf("could not send %s", raw)
	}))
	stopping := newClient(t, nil).Stream(func(yield func(smslink.Message, error) bool) {
		yield(smslink.Message{},
			errors.New("the cursor"))
	}, nil)
	for range stopping.Batches(context.Background()) {
	}
	errs = append(errs, stopping.Err(),
		new(smslink.Package).Add(smslink.Message{ID: 1, To: secrets.Number + ";" + secrets.Number, Text: secrets.Text}))
	p := secretPackage(t)
	p.Codec = smslink.CodecNone
	_, err := quoting.Send(context.Background(), p)
	return append(errs, err,
		new(smslink.Package).Add(smslink.Message{ID: 1, To: secrets.Number, Text: secrets.Text + "%0A"}),
		new(smslink.Package).Add(smslink.Message{ID: -1, To: secrets.Number, Text: secrets.Text}))
}

// Each error and all that it wraps is printed in every way, as a pointer and as a value. Every
// error type of the package is among them.
func TestErrorTypes_showNoSecrets(t *testing.T) {
	met := map[string]bool{}
	var walk func(err error)
	walk = func(err error) {
		if err == nil {
			return
		}
		secrets.RequireHidden(t, err, []error{err}, struct{ Err error }{err}, map[string]any{"err": err})
		typ := reflect.TypeOf(err)
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
			if value := reflect.ValueOf(err).Elem(); ast.IsExported(typ.Name()) {
				secrets.RequireHidden(t, value.Interface())
			}
		}
		met[typ.Name()] = met[typ.Name()] || typ.PkgPath() == "github.com/go-smslink/smslink"
		if typ.Name() == "redacted" {
			return // what it wraps is there for who asks for it
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

// declarations returns the declarations in the package's source.
func declarations(t *testing.T) (all []ast.Decl) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, path := range files {
		if !strings.HasSuffix(path, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			require.NoError(t, err)
			all = append(all, file.Decls...)
		}
	}
	return all
}

// declaredErrorTypes returns the types in the package's source that have an Error method.
func declaredErrorTypes(t *testing.T) (names []string) {
	t.Helper()
	for _, decl := range declarations(t) {
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
	require.Contains(t, names, "SendError")
	return names
}

// A program that panics with one of our values prints it to a log that strangers may read.
func TestPanicText_showsNoSecrets(t *testing.T) {
	const asked = "SMSLINK_TEST_PANIC"
	if which := os.Getenv(asked); which != "" {
		client, _ := smslink.NewClient("connection", secrets.Password, nil)
		p := secretPackage(t)
		for m := range p.Messages() {
			panic(map[string]any{
				"error": echoed(t)[0], "client": client, "client value": *client, "package": p, "message": m,
				"send error": *sendError(t, echoed(t)[0]),
			}[which])
		}
	}
	for _, which := range []string{"error", "client", "client value", "package", "message", "send error"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestPanicText_showsNoSecrets$")
		cmd.Env = append(os.Environ(), asked+"="+which, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "panic: ")
		secrets.RequireAbsent(t, string(out))
	}
}

const hostileWords = "\x1b]0;owned\a\x1b[2J\u009b31m\u202e\r\nproxy-password"

func requirePrintable(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		require.True(t, unicode.IsPrint(r), "%q in %q", r, text)
	}
}

// A certificate's names and a transport's text are escaped before they reach a terminal.
func TestSendError_holdsNoControlCharacter(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "\x1b]0;owned\a"},
		DNSNames:  []string{"\x1b[2Jhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots.AddCert(certificate)
	transport := smslink.NewTransport()
	transport.TLSClientConfig.RootCAs = roots

	for name, client := range map[string]*smslink.Client{
		"a certificate": newClient(t,
			&smslink.Options{Endpoint: server.URL, HTTPClient: &http.Client{Transport: transport}}),
		"a RoundTripper":      newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: failing(false)}}),
		"one that has read":   newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: failing(true)}}),
		"an untrusted server": newClient(t, &smslink.Options{Endpoint: server.URL}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.Send(context.Background(), packageOf(t, 1))
			requirePrintable(t, err.Error())
			require.NotContains(t, err.Error(), "owned\a")
			requirePrintable(t, errors.Unwrap(err).Error())
			stream := client.Stream(func(yield func(smslink.Message, error) bool) {
				yield(smslink.Message{},
					errors.New(hostileWords))
			}, nil)
			require.Empty(t, slices.Collect(stream.Batches(context.Background())))
			requirePrintable(t, stream.Err().Error())
		})
	}
}

func failing(read bool) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if read {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		return nil, errors.New(hostileWords)
	})
}
