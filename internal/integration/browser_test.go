package integration_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var screenshots = flag.String("screenshots", "", "directory into which TestSandbox writes pictures of its page")

// long is whether the tests run in full: see CONTRIBUTING.md.
var long = os.Getenv("SMSLINK_LONG") != ""

// unlessLong returns short, or full if the tests run in full.
func unlessLong(short, full int) int {
	if long {
		return full
	}
	return short
}

// needsLong skips a test that runs only with SMSLINK_LONG=1.
func needsLong(t *testing.T) {
	t.Helper()
	if !long {
		t.Skip("only with SMSLINK_LONG=1")
	}
}

// browser is a tab of a headless Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// newBrowser starts Chromium. It skips the test if Chromium is missing, and fails it if
// SMSLINK_NEED_BROWSER is set, as .ci/run does with CI=true.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("SMSLINK_NEED_BROWSER") != "" {
			t.Fatal("SMSLINK_NEED_BROWSER is set, and these tests need Chromium: ", err)
		}
		t.Skip("needs Chromium: apt-get install chromium")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
	}
	for _, flag := range []string{
		"headless", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab)
		closeTab()
		stop()
		cancel()
	})
	return &browser{t, tab}
}

// in is the same tab for a subtest.
func (b *browser) in(t *testing.T) *browser { return &browser{t, b.ctx} }

func (b *browser) open(url string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.Navigate(url)))
}

// js returns the value of an expression on the page. It waits for a promise.
func js[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, expression)
	return v
}

// sees waits until an expression is true on the page.
func (b *browser) sees(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		seen, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && seen { // an error may be of a page that is just being left
			return
		}
		if time.Now().After(deadline) {
			require.NoError(b.t, err, expression)
			require.Fail(b.t, "never seen on the page", "%s\n%s", expression, js[string](b, "document.body.innerText"))
		}
		time.Sleep(30 * time.Millisecond)
	}
}

func (b *browser) press(keys string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.KeyEvent(keys)))
}

func (b *browser) focus(id string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.Focus("#"+id)))
}

// scripts sets whether pages that are opened later run scripts.
func (b *browser) scripts(run bool) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
		return chromedp.Void{}, err
	})
	require.NoError(b.t, err)
}

// view sets the window to that of a desktop or a phone.
func (b *browser) view(width, height int64, scheme string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height)))
	_, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	})
	require.NoError(b.t, err)
}

// picture writes the page as a PNG if the flag asks for it.
func (b *browser) picture(name string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	time.Sleep(time.Second) // what just arrived has stopped moving
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.MkdirAll(*screenshots, 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o600))
}

// sandbox is a running smslink sandbox and the binary that it is.
type sandbox struct {
	t      *testing.T
	binary string

	URL          string `json:"url"`
	Endpoint     string `json:"endpoint"`
	ConnectionID string `json:"connection_id"`
	Password     string `json:"password"`
}

func startSandbox(t *testing.T, args ...string) *sandbox {
	t.Helper()
	s := &sandbox{t: t, binary: filepath.Join(t.TempDir(), "smslink")}
	build := exec.Command("go", "build", "-o", s.binary, ".")
	build.Dir = "../../cmd/smslink"
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	command := exec.Command(s.binary, append([]string{"sandbox", "--json", "--listen", "127.0.0.1:0", "--sender", "MAGAZIN"}, args...)...)
	command.Env = []string{"HOME=" + t.TempDir()}
	said, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		require.NoError(t, command.Process.Signal(os.Interrupt))
		require.NoError(t, command.Wait(), "Ctrl-C ends it with code 0")
	})
	require.NoError(t, json.NewDecoder(said).Decode(s))
	return s
}

// in is the same sandbox for a subtest.
func (s *sandbox) in(t *testing.T) *sandbox {
	same := *s
	same.t = t
	return &same
}

// send sends a file with the real binary, and returns its exit code.
func (s *sandbox) send(file string) int {
	s.t.Helper()
	command := exec.Command(s.binary, "send", "--yes", "--short-of-credit", "--endpoint", s.Endpoint, file)
	command.Env = []string{"SMSLINK_CONNECTION_ID=" + s.ConnectionID, "SMSLINK_PASSWORD=" + s.Password}
	out, err := command.CombinedOutput()
	require.NotNil(s.t, command.ProcessState, "%v: %s", err, out)
	return command.ProcessState.ExitCode()
}

// sendRows sends these CSV rows.
func (s *sandbox) sendRows(rows string) int {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "rows.csv")
	require.NoError(s.t, os.WriteFile(file, []byte("id,to,from,text,send_at\n"+rows), 0o600))
	return s.send(file)
}
