package smslink_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each test and test file that docs/trust.md names must exist in the folder named before it in the
// same cell, or else in the root. A name that ends in … is the start of one or more.
func TestTrust_namesTestsThatExist(t *testing.T) {
	trust, err := os.ReadFile("docs/trust.md")
	require.NoError(t, err)
	word := regexp.MustCompile("`([^`]+)`")
	test := regexp.MustCompile(`^((Test|Fuzz)[A-Z]\w*)(…?)$`)
	named := 0
	for line := range strings.Lines(string(trust)) {
		for _, cell := range strings.FieldsFunc(line, func(r rune) bool { return r == '|' || r == ';' }) {
			folder := "."
			for _, match := range word.FindAllStringSubmatch(cell, -1) {
				if info, err := os.Stat(match[1]); err == nil && info.IsDir() {
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
}

// declares reports whether a test file in the folder declares a function of that name, or one whose
// name starts with it if start is true.
func declares(t *testing.T, folder, name string, start bool) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
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

// A local link in a document must lead to a file or a folder.
func TestDocs_linksLeadSomewhere(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	link := regexp.MustCompile(`\]\(([^):#]+)[^):]*\)`)
	links := 0
	for _, document := range append(documents, "README.md", "CONTRIBUTING.md", "SECURITY.md") {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(document), found[1]))
			require.NoError(t, err, "linked in %s", document)
			links++
		}
	}
	require.Greater(t, links, 30)
}
