package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// gone are the words and names that the seven words have replaced: accepted, failed, rejected, not
// sent, in doubt, invalid, and to resolve.
var gone = strings.Join([]string{
	`(?i:\bunknown outcome|\bof unknown\b.{0,12}(outcome|package|message)|outcome (is |was |are )?unknown|outcome[=:] ?"?unknown)`,
	`(?i:\buncertain|\bbecame of\b|\bwhat (has |had )?became\b|\bfates?\b|\bstrays?\b)`,
	`(?i:\bsettl(e|es|ed|ing|ement)s?\b|\bjudg(e|es|ed|ing|ement)s?\b|\bheld back\b|\b(packages?|messages?) (is|are|was|were) held\b)`,
	`\bOutcomeUnknown\b|\bErr(Unknown|NotSent|Rejected|Sealed|Unreported|SenderFailed|NumberFailed|InternalOrBlacklisted)\b`,
	`\bErr(InsufficientCredit|UnknownStatus|ReplyTooLarge|RepeatedInStream|EmptyPackage|CodecMethod)\b`,
	`\bPackageOptions\b|\bContinueWithoutCredit\b|\bZlibLevel\b|\bEndpointHTTPS?\b|\bErr(SentBefore|RepeatedID)\b|\.Retryable\(|\.Advice\(|\.Settle\(`,
}, "|")

// exceptions are files and folders that may hold them.
var exceptions = []string{
	":!internal/integration/words_test.go",          // this list
	":!outbox/migrations",                           // old tables: a migration never changes
	":!outbox/internal/integration/migrate_test.go", // the same
}

func TestVocabulary_oldWordsAreInNoFile(t *testing.T) {
	if exec.Command("git", "-C", repository, "rev-parse").Run() != nil {
		t.Skip("needs a git clone")
	}
	require.Empty(t, grep(t, repository, append([]string{"--untracked", "-e", gone, "--"}, exceptions...)...))

	sentences := []string{"its outcome is unknown", "what became of it", "a stray entry", "Settle records it", "smslink.ErrNotSent"}
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "found"), []byte(strings.Join(sentences, "\n")), 0o600))
	require.Equal(t, len(sentences), strings.Count(grep(t, folder, "--no-index", "-e", gone), "\n"))
}

// grep returns the lines that git grep finds.
func grep(t *testing.T, folder string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", folder, "grep", "-nIP"}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() > 1 { // 1 means that it found none
		require.NoError(t, err, "%s", out)
	}
	return string(out)
}
