package main

import (
	"os"
	"path/filepath"
	"testing"
)

const page = "above\n<!-- stream -->\nold\n<!-- /stream -->\nbelow\n"

// A program that fails, or whose output is no table, does not change the page.
func TestUpdate(t *testing.T) {
	const table = `package main

import "fmt"

func main() { fmt.Println("| a |\n|---|\n| 1 |") }
`
	for name, test := range map[string]struct {
		source, want string
		fails        bool
	}{
		"a table":     {table, "above\n<!-- stream -->\n| a |\n|---|\n| 1 |\n<!-- /stream -->\nbelow\n", false},
		"a panic":     {table[:len(table)-2] + `; panic("after the table") }`, page, true},
		"an exit":     {"package main\n\nimport \"os\"\n\nfunc main() { println(); os.Exit(3) }\n", page, true},
		"a trace":     {"package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"\\n| a |\\ngoroutine 1 [running]:\") }\n", page, true},
		"no output":   {"package main\n\nfunc main() {}\n", page, true},
		"no compiles": {"package main\n", page, true},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			program := filepath.Join(folder, "main.go")
			for path, text := range map[string]string{program: test.source, filepath.Join(folder, "performance.md"): page} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := part{name: "stream", program: []string{program}}.update(folder, false)
			if (err != nil) != test.fails {
				t.Errorf("it fails: %v, and not %v", err, test.fails)
			}
			written, err := os.ReadFile(filepath.Join(folder, "performance.md"))
			if err != nil || string(written) != test.want {
				t.Errorf("%v: %s", err, written)
			}
		})
	}
	folder := t.TempDir()
	if err := (part{name: "stream", program: []string{"./nowhere"}}).update(folder, false); err == nil {
		t.Error("there is no page and no program")
	}
}

// Each part has its place in the page.
func TestParts(t *testing.T) {
	raw, err := os.ReadFile("../../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if _, err := replace(raw, p.name, []byte("\n| a |\n")); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}
