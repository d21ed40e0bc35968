package smslink_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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

func TestReadme_snippetsAreTheExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var examples string
	for _, file := range []string{"example_test.go", "smslinktest/example_test.go", "examples/reports/reports.go"} {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		examples += string(raw)
	}
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, snippets, 8)
	for _, snippet := range snippets {
		require.Contains(t, unindent(examples), unindent(snippet[1]))
	}
}
