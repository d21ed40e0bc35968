package bzip2_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/corpus"
)

// long is whether the tests run in full: see CONTRIBUTING.md.
var long = os.Getenv("SMSLINK_LONG") != ""

// peersNeeded reports whether tests that need bzip2 or PHP must not be skipped.
func peersNeeded() bool {
	return os.Getenv("SMSLINK_NEED_PHP") != ""
}

// needPeer skips the test, or fails it if peers are needed, unless the command succeeds.
func needPeer(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		if peersNeeded() {
			t.Fatalf("SMSLINK_NEED_PHP is set, and these tests need bzip2 and PHP with bz2: %v: %s", err, out)
		}
		t.Skip("needs bzip2 and PHP: apt-get install bzip2 php-cli php-bz2")
	}
}

// peerInputs are the inputs and packages of many sizes. The short form leaves out inputs of more
// than a block.
func peerInputs() map[string][]byte {
	all := inputs()
	maps.DeleteFunc(all, func(_ string, plain []byte) bool { return !long && len(plain) > blockSize })
	sizes := []int{1, 2, 10, 100, 1000, 10_000}
	if long {
		sizes = append(sizes, 100_000, 1_000_000)
	}
	for _, n := range sizes {
		var plain []byte
		for _, m := range corpus.Messages(n) {
			plain = fmt.Appendf(plain, "%d;%s;numeric;%s;0\r\n", m.ID, strings.TrimPrefix(m.To, "+"), m.Text)
		}
		all[fmt.Sprintf("%d messages", n)] = plain
	}
	return all
}

// pack writes the compressed form of each input to a file of its own. It returns the files and the
// digests of the inputs.
func pack(t testing.TB) (files, digests []string) {
	t.Helper()
	dir := t.TempDir()
	for name, plain := range peerInputs() {
		file := filepath.Join(dir, name+".bz2")
		require.NoError(t, os.WriteFile(file, compress(t, plain), 0o600))
		sum := md5.Sum(plain)
		files, digests = append(files, file), append(digests, hex.EncodeToString(sum[:]))
	}
	return files, digests
}

func TestAppendCompress_isReadByPeers(t *testing.T) {
	needPeer(t, "bzip2", "--help")
	needPeer(t, "php", "-r", `exit(function_exists("bzdecompress") ? 0 : 1);`)
	files, digests := pack(t)
	t.Run("bzip2", func(t *testing.T) {
		out, err := exec.Command("bzip2", append([]string{"-t"}, files...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Empty(t, string(out))
	})
	t.Run("PHP", func(t *testing.T) {
		const script = `foreach (array_slice($argv, 1) as $file) {
			$plain = bzdecompress(file_get_contents($file));
			echo is_string($plain) ? md5($plain) : "error $plain", "\n";
		}`
		args := []string{"-d", "memory_limit=-1", "-r", script, "--"}
		out, err := exec.Command("php", append(args, files...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		got := strings.Split(strings.TrimSpace(string(out)), "\n")
		require.Len(t, got, len(files), "%s", out)
		for i, file := range files {
			require.Equal(t, digests[i], got[i], filepath.Base(file))
		}
	})
}

// The recorded sizes are from libbz2 1.0.8, by bzip2 -9.
func TestAppendCompress_sizeBesideLibbz2(t *testing.T) {
	type sizeCase struct {
		name  string
		plain []byte
		peer  int
	}
	cases := []sizeCase{
		{"1 message", campaign(1), 128},
		{"2 messages", campaign(2), 242},
		{"10 messages", campaign(10), 422},
		{"30 messages", campaign(30), 853},
		{"100 messages", campaign(100), 1991},
		{"300 messages", campaign(300), 4728},
		{"600 messages", campaign(600), 8520},
		{"1,000 messages", campaign(1000), 13_581},
		{"1,500 messages", campaign(1500), 19_695},
		{"3,000 messages", campaign(3000), 38_205},
		{"10,000 messages", campaign(10_000), 124_633},
		{"noise", noise(blockSize), 904_301},
		{"two letters", fewLetters(blockSize, 2), 144_076},
		{"runs", runs(1_300_000), 12_076},
	}
	if long {
		cases = append(cases, sizeCase{"100,000 messages", campaign(100_000), 1_248_689})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if peersNeeded() {
				cmd := exec.Command("bzip2", "-9c")
				cmd.Stdin = bytes.NewReader(c.plain)
				packed, err := cmd.Output()
				require.NoError(t, err)
				require.Equal(t, len(packed), c.peer, "the recorded size")
			}
			ratio := float64(len(compress(t, c.plain))) / float64(c.peer)
			t.Logf("%.4f of libbz2's size", ratio)
			require.LessOrEqual(t, ratio, 1.005)
		})
	}
}
