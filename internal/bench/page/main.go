// Command page measures the parts of docs/performance.md that begin with "Measured on", and writes
// their tables and pictures. Run it from the repository's root, on a quiet machine:
//
//	go run ./internal/bench/page                 # all of it, half an hour
//	go run ./internal/bench/page stream small    # two of its parts
//	go run ./internal/bench/page -try            # short runs, which are printed and not written
//
// A part is written only if its program succeeded, table and picture together.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// part is a table of the page between two marks, and a picture beside it.
type part struct {
	name    string
	program []string
	try     []string // more arguments for a short run
	picture string   // what the program writes to the folder of its flag -pictures, if anything
}

var parts = []part{
	{name: "plain", program: []string{"./internal/bench/compare", "-plain"}, try: []string{"-quick", "-runs", "1"}},
	{
		name: "compare", program: []string{"./internal/bench/compare"}, try: []string{"-quick", "-runs", "1"},
		picture: "performance.svg",
	},
	{name: "small", program: []string{"./internal/bench/small"}, try: []string{"-rounds", "1", "-lasting", "20ms"}},
	{
		name: "stream", program: []string{"./internal/bench/stream"}, try: []string{"-messages", "100000", "-runs", "1"},
		picture: "stream.svg",
	},
	{
		name: "outbox", program: []string{"./outbox/internal/bench"},
		try: []string{
			"-runs", "1", "-behind", "10000", "-dead", "10000", "-codes", "20",
			"-drain", "20000", "-batch", "20000", "-singles", "500",
		},
	},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("page: ")
	try := flag.Bool("try", false, "make short runs, print the tables, and write nothing")
	flag.Parse()
	wanted := parts
	if flag.NArg() > 0 {
		wanted = nil
	}
	for _, name := range flag.Args() {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if i < 0 {
			log.Fatalf("the page has no part %q", name)
		}
		wanted = append(wanted, parts[i])
	}
	for _, p := range wanted {
		log.Print(p.name)
		if err := p.update("docs", *try); err != nil {
			log.Fatalf("%s: %v", p.name, err)
		}
	}
}

// update measures the part, and then writes it to performance.md and its picture in a folder.
func (p part) update(docs string, try bool) error {
	temporary, err := os.MkdirTemp("", "smslink-page")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	arguments := append([]string{"run"}, p.program...)
	if p.picture != "" {
		arguments = append(arguments, "-pictures", temporary)
	}
	if try {
		arguments = append(arguments, p.try...)
	}
	program := exec.Command("go", arguments...)
	program.Stderr = os.Stderr
	table, err := program.Output()
	if err != nil {
		return err
	}
	page := filepath.Join(docs, "performance.md")
	raw, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	changed, err := replace(raw, p.name, table)
	if err != nil {
		return err
	}
	if try {
		_, err := os.Stdout.Write(table)
		return err
	}
	if p.picture != "" {
		picture, err := os.ReadFile(filepath.Join(temporary, p.picture))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(docs, p.picture), picture, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(page, changed, 0o644)
}

// replace puts a table between a part's two marks. A text that is no table, such as a stack trace,
// is an error.
func replace(page []byte, name string, table []byte) ([]byte, error) {
	start, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- /"+name+" -->")
	before, rest, ok := bytes.Cut(page, start)
	_, after, ok2 := bytes.Cut(rest, end)
	if !ok || !ok2 {
		return nil, errors.New("the page has no place for it")
	}
	text := string(table)
	has := func(part string) bool { return strings.Contains(text, part) }
	if !has("\n|") || slices.ContainsFunc([]string{"panic:", "goroutine ", "NaN"}, has) {
		return nil, fmt.Errorf("no table: %q", text)
	}
	return slices.Concat(before, start, bytes.TrimSpace(table), []byte("\n"), end, after), nil
}
