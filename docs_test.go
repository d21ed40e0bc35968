package smslink_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
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

// docs/design.md lists the files of the package. A file uses only those that are listed after it.
func TestDesign_filesUseTheOnesBelow(t *testing.T) {
	design, err := os.ReadFile("docs/design.md")
	require.NoError(t, err)
	var order []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+\\.go)`").FindAllStringSubmatch(string(design), -1) {
		order = append(order, row[1])
	}

	fset := token.NewFileSet()
	var files []*ast.File
	var names []string
	all, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range all {
		if name == "doc.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		require.NoError(t, err)
		files, names = append(files, file), append(names, name)
	}
	require.ElementsMatch(t, names, order, "the files that docs/design.md lists")

	uses := map[*ast.Ident]types.Object{}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := config.Check("smslink", fset, files, &types.Info{Uses: uses})
	checked := 0
	for ident, object := range uses {
		if object.Pkg() != pkg {
			continue
		}
		from, to := fset.Position(ident.Pos()).Filename, fset.Position(object.Pos()).Filename
		if from != to && to != "" {
			checked++
			require.Less(t, slices.Index(order, from), slices.Index(order, to), "%s uses %s of %s", from, object.Name(), to)
		}
	}
	require.Greater(t, checked, 500)
}

// noImports lets go/types do without the packages that ours imports.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

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
