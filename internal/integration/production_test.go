package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// event is a log event in the code or in docs/production.md.
type event struct {
	level string // "" if the code computes it
	attrs []string
}

// loggedEvents adds the events that a folder's packages log, by their messages. It leaves out
// attributes that are put together elsewhere.
func loggedEvents(t *testing.T, folder string, events map[string]event) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !isLogger(method.X) {
				return true
			}
			words, e := eventOf(method.Sel.Name, call.Args)
			if earlier, ok := events[words]; ok {
				e.attrs = append(e.attrs, earlier.attrs...)
			}
			events[words] = e
			return true
		})
	}
}

func isLogger(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "logger"
	case *ast.SelectorExpr:
		return x.Sel.Name == "logger"
	}
	return false
}

// eventOf reads the arguments of a logger's method.
func eventOf(method string, args []ast.Expr) (words string, e event) {
	e.level = strings.ToLower(strings.TrimSuffix(method, "Context"))
	if strings.HasPrefix(method, "Log") {
		e.level = ""
		if level, ok := args[1].(*ast.SelectorExpr); ok {
			e.level = strings.ToLower(strings.TrimPrefix(level.Sel.Name, "Level"))
		}
	}
	i := slices.IndexFunc(args, func(arg ast.Expr) bool { return text(arg) != "" })
	words = text(args[i])
	for rest := args[i+1:]; len(rest) > 0; {
		if call, ok := rest[0].(*ast.CallExpr); ok && len(call.Args) > 0 { // slog.Int("messages", n)
			e.attrs = append(e.attrs, text(call.Args[0]))
			rest = rest[1:]
			continue
		}
		e.attrs = append(e.attrs, text(rest[0]))
		rest = rest[min(2, len(rest)):]
	}
	e.attrs = slices.DeleteFunc(e.attrs, func(attr string) bool { return attr == "" }) // attrs...
	return words, e
}

// text returns the value of a string literal, or an empty string.
func text(x ast.Expr) string {
	literal, ok := x.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	value, _ := strconv.Unquote(literal.Value)
	return value
}

// The table in docs/production.md has every event that is logged, and no other.
func TestProduction_tableHasTheEventsThatAreLogged(t *testing.T) {
	logged := map[string]event{}
	for _, folder := range []string{"../..", "../../webhook", "../../outbox"} {
		loggedEvents(t, folder, logged)
	}
	require.Greater(t, len(logged), 15, "the test finds calls of loggers")

	page, err := os.ReadFile("../../docs/production.md")
	require.NoError(t, err)
	documented := map[string]event{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([a-z, ]+) \\| `([^`]+)` \\| ([^|]*) ?\\|").FindAllStringSubmatch(string(page), -1) {
		documented[row[2]] = event{level: row[1], attrs: strings.Fields(strings.ReplaceAll(row[3], "`", ""))}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(logged)), slices.Collect(maps.Keys(documented)))
	for words, e := range logged {
		if e.level != "" {
			require.Equal(t, e.level, documented[words].level, words)
		} else {
			require.Contains(t, documented[words].level, ", ", words)
		}
		require.Subset(t, documented[words].attrs, e.attrs, words)
		if len(e.attrs) > 0 && words != "smslink: webhook: not what the gateway sends" { // whose remote_id is appended
			require.Subset(t, e.attrs, documented[words].attrs, words)
		}
	}
}

// Each alert rule has its runbook, which its annotation links to, and each runbook says the same
// four things.
func TestProduction_everyAlertHasItsRunbook(t *testing.T) {
	rules, err := os.ReadFile("../../docs/alerts.yml")
	require.NoError(t, err)
	page, err := os.ReadFile("../../docs/production.md")
	require.NoError(t, err)
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(string(rules), -1)
	require.Len(t, alerts, 5)
	for _, alert := range alerts {
		require.Contains(t, string(rules), "docs/production.md#"+strings.ToLower(alert[1])+"\n")
		_, runbook, found := strings.Cut(string(page), "\n### "+alert[1]+"\n")
		require.True(t, found, alert[1])
		runbook, _, _ = strings.Cut(runbook, "\n##")
		for _, part := range []string{"**It means**", "**Look at**", "**Fix it**", "**Never**"} {
			require.Contains(t, runbook, part, alert[1])
		}
	}
}
