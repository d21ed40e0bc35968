package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/delivery"
)

// reportsOptions are the flags of reports.
type reportsOptions struct {
	listen     string
	secretFile string
	results    []string
	dedupe     int
	connection string
	verbose    bool
}

func newReportsCommand(c console) *cobra.Command {
	var opts reportsOptions
	cmd := &cobra.Command{
		Use:   "reports [flags]",
		Short: "Take the gateway's delivery reports and write them as JSON lines",
		Long: `Take the gateway's delivery reports and write each as a JSON object a line, with
the row of its message where a --results file of send has it. That file need not
be there yet, and may still be growing: it is read on for a report that it does
not have.

The reports' URL ends in the secret that stands in --secret-file, of 16
characters or more of A-Z, a-z, 0-9 and -._~; everything else is answered 404.
Where there is no such file it is made, with a new secret. The gateway must reach
the URL from the internet, over https: put a server that has a certificate
before this one. A report is answered 200 once its line is written.

Ctrl-C ends it.

Exit codes:
  0  it was ended
  1  a report could not be written; it was answered 500
  2  wrong usage
  3  it could not begin`,
		Example: `  smslink reports --listen 127.0.0.1:8050 --secret-file secret --results june.csv >>reports.jsonl`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reports(cmd.Context(), c, opts)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&opts.listen, "listen", "127.0.0.1:8050", "`ADDRESS` to listen on")
	flags.StringVar(&opts.secretFile, "secret-file", "", "`FILE` that holds the secret")
	flags.StringArrayVar(&opts.results, "results", nil, "`FILE` that send --results has written; may be given several times")
	flags.IntVar(&opts.dedupe, "dedupe", 10_000, "how many reports to remember, so that a repeated one is written once")
	flags.StringVar(&opts.connection, "connection", "", "take only the reports of this connection `ID`")
	flags.BoolVarP(&opts.verbose, "verbose", "v", false, "log to standard error")
	_ = cmd.MarkFlagRequired("secret-file")
	return cmd
}

func reports(ctx context.Context, c console, opts reportsOptions) error {
	if opts.dedupe < 0 {
		return fmt.Errorf("--dedupe is negative: %d", opts.dedupe)
	}
	secret, err := readSecret(opts.secretFile)
	if err != nil {
		return &exitError{exitNotSent, fmt.Errorf("--secret-file: %w", err)}
	}
	level := slog.LevelWarn
	if opts.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level}))
	rows := newResultRows(opts.results, logger)
	if err := rows.load(); err != nil {
		return &exitError{exitNotSent, fmt.Errorf("--results: %w", err)}
	}

	out := &reportWriter{rows: rows, out: c.out, recent: recentReports{limit: opts.dedupe}, logger: logger}
	handler, err := delivery.NewHandler(secret, out.write, &delivery.Options{ConnectionID: opts.connection, Logger: logger})
	if err != nil {
		return unprefixed(err)
	}
	listener, err := net.Listen("tcp", opts.listen)
	if err != nil {
		return &exitError{exitNotSent, fmt.Errorf("--listen: %w", err)}
	}
	fmt.Fprintf(c.err, "smslink: taking delivery reports at http://%s/ followed by the secret\n", listener.Addr())

	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	if err := serve(ctx, server, listener); err != nil {
		return &exitError{exitNotSent, err}
	}
	if err := out.failure(); err != nil {
		return &exitError{exitSomeBad, err}
	}
	return nil
}

// reportedRow is a row of a results file.
type reportedRow struct {
	File string `json:"file"`
	Line int    `json:"line"`
	ID   string `json:"id"`
}

// resultRows finds rows by their remote ids. Its caller sees to it that one goroutine
// at a time uses it.
type resultRows struct {
	files  []*resultsFile
	rows   map[string]reportedRow
	logger *slog.Logger
}

// resultsFile is a results file as it was when it was last read.
type resultsFile struct {
	name  string
	info  fs.FileInfo // nil before
	read  int64       // up to the end of its last whole line
	lines int         // until there
}

func newResultRows(names []string, logger *slog.Logger) *resultRows {
	r := &resultRows{rows: map[string]reportedRow{}, logger: logger}
	for _, name := range names {
		r.files = append(r.files, &resultsFile{name: name})
	}
	return r
}

func (r *resultRows) find(remoteID string) *reportedRow {
	row, ok := r.rows[remoteID]
	if !ok {
		if err := r.load(); err != nil {
			r.logger.Debug("smslink: a results file can't be read", "error", err)
		}
		row, ok = r.rows[remoteID]
	}
	if !ok {
		return nil
	}
	return &row
}

// load reads what the files have got since. A file that can't be read keeps none of the others back.
func (r *resultRows) load() error {
	var errs []error
	for _, f := range r.files {
		err := r.loadFile(f)
		if errors.Is(err, fs.ErrNotExist) { // send has not begun
			*f, err = resultsFile{name: f.name}, nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r *resultRows) loadFile(f *resultsFile) error {
	info, err := os.Stat(f.name)
	if err != nil || f.info != nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) {
		return err
	}
	in, err := os.Open(f.name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err = in.Stat() // of this one, were it replaced just now
	if err != nil {
		return err
	}
	if f.info == nil || !os.SameFile(info, f.info) || info.Size() <= f.info.Size() { // it is another, or was written anew
		*f = resultsFile{name: f.name}
	}
	if _, err := in.Seek(f.read, io.SeekStart); err != nil {
		return err
	}
	if err := r.read(in, f); err != nil {
		return err
	}
	f.info = info
	return nil
}

// read reads whole lines. One that is being written is read when the file has grown. No row that
// was sent has a line end in it, so that a line is a record, and a broken one breaks no other.
func (r *resultRows) read(in io.Reader, f *resultsFile) error {
	lines, one := bufio.NewReader(in), strings.NewReader("")
	records := csv.NewReader(one)
	records.FieldsPerRecord = len(fatesHeader)
	for {
		line, err := lines.ReadString('\n')
		whole := err == nil
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if f.lines == 0 && !isHeader(line, whole) {
			return fmt.Errorf("%s is no results file of send", f.name)
		}
		if !whole {
			return nil
		}
		f.read += int64(len(line))
		f.lines++
		if f.lines == 1 {
			continue
		}
		one.Reset(line)
		record, err := records.Read()
		if err != nil {
			r.logger.Warn("smslink: a broken line of a results file is passed over", "file", f.name, "line", f.lines)
			continue
		}
		if remoteID := plainCell(record[5]); remoteID != "" {
			line, _ := strconv.Atoi(record[1])
			r.rows[remoteID] = reportedRow{plainCell(record[0]), line, plainCell(record[2])}
		}
	}
}

// isHeader tells whether a line is the first one of a results file, or the start of it.
func isHeader(line string, whole bool) bool {
	header := strings.Join(fatesHeader, ",")
	if whole {
		return strings.TrimRight(line, "\r\n") == header
	}
	return strings.HasPrefix(header, line)
}

// plainCell is a cell of a results file without the apostrophe that keeps a spreadsheet from
// taking it for a formula.
func plainCell(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte("=+-@\t\r", cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}

// reportWriter writes reports, one at a time.
type reportWriter struct {
	mu     sync.Mutex
	rows   *resultRows
	out    io.Writer
	recent recentReports
	logger *slog.Logger
	err    error // of the first line that could not be written
}

func (w *reportWriter) write(_ context.Context, r delivery.Report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recent.contains(r) {
		w.logger.Debug("smslink: repeated delivery report", "report", r)
		return nil
	}
	line, err := json.Marshal(struct {
		RemoteID     string       `json:"remote_id"`
		Delivered    bool         `json:"delivered"`
		Time         time.Time    `json:"time"`
		Row          *reportedRow `json:"row,omitempty"`
		NetworkID    string       `json:"network_id,omitempty"`
		Network      string       `json:"network,omitempty"`
		NetworkType  string       `json:"network_type,omitempty"`
		Text         string       `json:"delivery_report,omitempty"`
		ConnectionID string       `json:"connection_id,omitempty"`
		Segments     int          `json:"segments,omitempty"`
		Other        any          `json:"other,omitempty"`
	}{r.RemoteID, r.Delivered, r.Time, w.rows.find(r.RemoteID), r.NetworkID, r.Network(), r.NetworkType, r.Text, r.ConnectionID, r.Segments, anyOf(r.Other)})
	if err == nil {
		_, err = w.out.Write(append(line, '\n'))
	}
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("a report could not be written: %w", err)
	}
	if err == nil {
		w.recent.add(r)
	}
	return err
}

// anyOf is nil where there is nothing, so that JSON leaves it out.
func anyOf(values map[string][]string) any {
	if len(values) == 0 {
		return nil
	}
	return values
}

func (w *reportWriter) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// readSecret reads the secret, or makes a file with a new one.
func readSecret(name string) (string, error) {
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(name)
	}
	return strings.TrimSpace(string(raw)), err
}

func makeSecret(name string) (string, error) {
	secret := rand.Text()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(secret + "\n")
	return secret, errors.Join(err, f.Close())
}
