package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// gone are the words and names that the seven words have replaced: accepted, failed, rejected, not
// sent, in doubt, invalid, and to resolve.
var gone = regexp.MustCompile(strings.Join([]string{
	`(?i:\bunknown outcome|\bof unknown\b.{0,12}(outcome|package|message)|outcome (is |was |are )?unknown|outcome[=:] ?"?unknown)`,
	`(?i:\buncertain|\bbecame of\b|\bwhat (has |had )?became\b|\bfates?\b|\bstrays?\b)`,
	`(?i:\bsettl(e|es|ed|ing|ement)s?\b|\bjudg(e|es|ed|ing|ement)s?\b|\bheld back\b|\b(packages?|messages?) (is|are|was|were) held\b)`,
	`\bOutcomeUnknown\b|\bErr(Unknown|NotSent|Rejected|Sealed|Unreported|SenderFailed|NumberFailed|InternalOrBlacklisted)\b`,
	`\bErr(InsufficientCredit|UnknownStatus|ReplyTooLarge|RepeatedInStream|EmptyPackage|CodecMethod)\b`,
	`\bPackageOptions\b|\bContinueWithoutCredit\b|\bZlibLevel\b|\bEndpointHTTPS?\b|\bErr(SentBefore|RepeatedID)\b|\.Retryable\(|\.Advice\(|\.Settle\(`,
}, "|"))

// exceptions are files, or folders, that may hold them, and why.
var exceptions = map[string]string{
	"internal/integration/words_test.go":          "this list",
	"outbox/migrations":                           "old tables: a migration never changes",
	"outbox/internal/integration/migrate_test.go": "the same",
}

func TestVocabulary_oldWordsAreInNoFile(t *testing.T) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = repository
	files, err := list.Output()
	if err != nil {
		t.Skip("needs a git clone: ", err)
	}
	searched := 0
	for name := range strings.SplitSeq(strings.Trim(string(files), "\x00"), "\x00") {
		if excepted(name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(repository, name))
		if os.IsNotExist(err) || bytes.ContainsRune(text, 0) { // deleted, or not text
			continue
		}
		require.NoError(t, err)
		searched++
		for line := range strings.Lines(string(text)) {
			require.NotRegexp(t, gone, strings.TrimSpace(line), name)
		}
	}
	require.Greater(t, searched, 300)
	for _, sentence := range []string{"its outcome is unknown", "what became of it", "a stray entry", "Settle records it", "smslink.ErrNotSent"} {
		require.Regexp(t, gone, sentence)
	}
}

func excepted(name string) bool {
	for path := range exceptions {
		if name == path || strings.HasPrefix(name, path+"/") {
			return true
		}
	}
	return false
}
