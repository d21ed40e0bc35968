package integration

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const repository = "../.."

// pages returns each Markdown file of the repository, by its path there.
func pages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	require.NoError(t, filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules" || entry.Name() == "dist") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(repository, path)
		pages[filepath.ToSlash(name)] = string(text)
		return err
	}))
	require.Greater(t, len(pages), 8)
	return pages
}

// No page holds a stack trace, or a path of the machine on which it was written. A path under /tmp
// is the reader's own.
func TestPages_holdNoTraceAndNoPath(t *testing.T) {
	wrong := regexp.MustCompile(`panic:|goroutine \d|exit status \d|(?:^|[\s"'` + "`" + `(=])/(?:work|home|root|Users|private|var|opt|usr|mnt|builds?|go|tmp/go-)[/\w-]*/`)
	for name, text := range pages(t) {
		require.Empty(t, wrong.FindAllString(text, -1), name)
	}
	for _, trace := range []string{"panic: runtime error", "goroutine 1 [running]:", "\t/root/core/internal/bench/stream/plot.go:28 +0x595", "(/home/ana/smslink)", "exit status 2"} {
		require.Regexp(t, wrong, trace)
	}
}

// A local link leads to a file or a folder, and each picture of docs is used.
func TestPages_linksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):#]+)[^):]*\)`)
	var linked []string
	for name, text := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			path := filepath.Join(repository, filepath.Dir(name), found[1])
			_, err := os.Stat(path)
			require.NoError(t, err, "linked in %s", name)
			linked = append(linked, path)
		}
	}
	require.Greater(t, len(linked), 30)
	for _, kind := range []string{"*.png", "*.svg"} {
		pictures, err := filepath.Glob(filepath.Join(repository, "docs", kind))
		require.NoError(t, err)
		require.Subset(t, linked, pictures)
	}
}

// Each test and test file that docs/trust.md names exists in the folder named before it in the same
// cell, or else in the root. A name that ends in … is the start of one or more. Each case of
// outboxtest that it names exists, too.
func TestTrust_namesTestsThatExist(t *testing.T) {
	word := regexp.MustCompile("`([^`]+)`")
	test := regexp.MustCompile(`^((Test|Fuzz)[A-Z]\w*)(…?)$`)
	named := 0
	for line := range strings.Lines(pages(t)["docs/trust.md"]) {
		for _, cell := range strings.FieldsFunc(line, func(r rune) bool { return r == '|' || r == ';' }) {
			folder := "."
			for _, match := range word.FindAllStringSubmatch(cell, -1) {
				if info, err := os.Stat(filepath.Join(repository, match[1])); err == nil && info.IsDir() {
					folder = match[1]
				}
				if name := test.FindStringSubmatch(match[1]); name != nil {
					named++
					require.True(t, declares(t, folder, name[1], name[3] != ""), "%s has no %s", folder, match[1])
				}
			}
		}
	}
	require.Greater(t, named, 100)

	source, err := os.ReadFile(filepath.Join(repository, "outbox/outboxtest/cases.go"))
	require.NoError(t, err)
	cases := regexp.MustCompile("`outbox/outboxtest` \\*([^*]+)\\*").FindAllStringSubmatch(pages(t)["docs/trust.md"], -1)
	require.GreaterOrEqual(t, len(cases), 6)
	for _, match := range cases {
		require.Contains(t, string(source), `{"`+match[1]+`", `)
	}
}

// declares reports whether a test file in the folder declares a function of that name, or one whose
// name starts with it if start is true.
func declares(t *testing.T, folder, name string, start bool) bool {
	files, err := filepath.Glob(filepath.Join(repository, folder, "*_test.go"))
	require.NoError(t, err)
	declaration := "\nfunc " + name
	if !start {
		declaration += "("
	}
	return slices.ContainsFunc(files, func(file string) bool {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.Contains(string(source), declaration)
	})
}

// unindent makes a README's snippet and an example's lines alike.
func unindent(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// The Go snippets of the pages that teach are parts of examples, which are compiled and run.
func TestReadme_snippetsAreTheExamples(t *testing.T) {
	var examples string
	for _, file := range []string{"example_test.go", "smslinktest/example_test.go", "examples/start/main.go", "examples/reports/reports.go"} {
		raw, err := os.ReadFile(filepath.Join(repository, file))
		require.NoError(t, err)
		examples += unindent(string(raw)) + "\n"
	}
	for page, want := range map[string]int{"README.md": 3, "docs/ro.md": 3, "docs/from-php.md": 2} {
		snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(pages(t)[page], -1)
		require.Len(t, snippets, want, page)
		for _, snippet := range snippets {
			if !strings.Contains(examples, unindent(snippet[1])) {
				require.Failf(t, "no example has this", "%s: %s", page, snippet[1])
			}
		}
	}
}
