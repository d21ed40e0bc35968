package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// mixedRows are messages; one of them fails at a sandbox with --unknown-number 0700000003.
const mixedRows = "1,0700000001,MAGAZIN,Comanda 954347 a fost predată curierului.,\n" +
	"2,0700000002,MAGAZIN,Comanda 954348 vă așteaptă în magazin.,\n" +
	"3,0700000003,MAGAZIN,Comanda 954349 a fost anulată.,\n"

// testFirstCommand pastes the command that the empty page teaches into a shell, which sends the
// first message.
func testFirstCommand(t *testing.T, b *browser, s *sandbox) {
	b.open(s.URL)
	js[bool](b, `(() => {
		window.copied = ""
		Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied = text }}})
		return true
	})()`)
	b.focus("copy-shell-button")
	b.press("\r")
	b.sees(`window.copied !== "" && document.getElementById("arrivals").textContent === "Copied"`)
	commands := js[string](b, `window.copied`)
	require.Contains(t, commands, "export SMSLINK_CONNECTION_ID=test-connection SMSLINK_PASSWORD=test-password\n")

	shell := exec.Command("sh", "-c", commands)
	shell.Env = []string{"PATH=" + filepath.Dir(s.binary) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, err := shell.CombinedOutput()
	require.NoError(t, err, "%s", out)
	b.sees(`document.getElementById("row-0712345678") && document.getElementById("overview") && !document.getElementById("start")`)
}

func TestSandboxPage_statusesAndPackages(t *testing.T) {
	needsLong(t)
	t.Parallel()
	b := newBrowser(t)
	s := startSandbox(t, "--deliver-after", "manual", "--unknown-number", "0700000003")
	b.view(1280, 800, "light")
	require.Equal(t, 1, s.sendRows(mixedRows))
	require.Zero(t, s.sendRows("4,0700000004,numeric,Codul dvs. este 4711.,\n"))
	count := func() int { return js[int](b, `document.querySelectorAll("#rows > li").length`) }
	counts := func() string { return js[string](b, `document.getElementById("counts").textContent.trim()`) }
	choose := func(status string) {
		js[bool](b, `(() => { const s = document.getElementById("status"); s.value = `+fmt.Sprintf("%q", status)+`; s.dispatchEvent(new Event("input", {bubbles: true})); return true })()`)
	}

	b.open(s.URL)
	require.Contains(t, js[string](b, `document.querySelector(".totals").textContent`), "failed1")
	choose("failed")
	b.sees(`document.querySelectorAll("#rows > li").length === 1`)
	require.Equal(t, "1 message found", counts())
	choose("accepted")
	b.sees(`document.querySelectorAll("#rows > li").length === 3`)
	require.Equal(t, "3 messages found", counts())

	b.open(s.URL + "uploads")
	require.Equal(t, "2 accepted 1 failed", js[string](b, `document.querySelector("#upload-1 .tally").textContent.trim()`))
	js[bool](b, `document.querySelector("#upload-1 .tally .failed").click() || true`)
	b.sees(`location.search.includes("package=1001") && document.querySelectorAll("#rows > li").length === 1`)
	require.Contains(t, js[string](b, `document.getElementById("rows").textContent`), "0700 000 003")
	require.Equal(t, "failed", js[string](b, `document.getElementById("status").value`))
	choose("")
	b.sees(`document.querySelectorAll("#rows > li").length === 3`)
	js[bool](b, `document.querySelector(".only a").click() || true`)
	b.sees(`!location.search.includes("package") && document.querySelectorAll("#rows > li").length === 4`)

	t.Run("without JavaScript", func(t *testing.T) {
		b := b.in(t)
		b.scripts(false)
		defer b.scripts(true)
		b.open(s.URL + "?package=1001&status=accepted")
		require.Equal(t, 2, count())
		require.Equal(t, "2 messages found", counts())
	})
}

// The snippet has the list's whole width, however long the status is.
func TestSandboxPage_snippetKeepsItsPlace(t *testing.T) {
	needsLong(t)
	t.Parallel()
	b := newBrowser(t)
	s := startSandbox(t, "--credit", "0")
	b.view(390, 844, "light")
	require.Equal(t, 1, s.sendRows("1,0700000001,MAGAZIN,"+strings.Repeat("Comanda dvs. ", 30)+",\n"))
	b.open(s.URL)
	require.Contains(t, js[string](b, `document.querySelector(".row .state").textContent`), "insufficient credit")
	require.Greater(t, js[float64](b, `document.querySelector(".row .snippet").getBoundingClientRect().width / document.querySelector(".row").clientWidth`), 0.9)
	require.Contains(t, js[string](b, `document.getElementById("chip-credit").textContent`), "no credit left")
	b.open(s.URL + "controls")
	require.Contains(t, js[string](b, `document.getElementById("credit-now").textContent`), "Messages fail")
}

func TestSandboxPage_compressionIsDrawnToScale(t *testing.T) {
	needsLong(t)
	t.Parallel()
	b := newBrowser(t)
	s := startSandbox(t)
	var rows strings.Builder
	for i := range 400 {
		fmt.Fprintf(&rows, "%d,07000%05d,MAGAZIN,Codul dvs. este %06d.,\n", i, i, i*7919)
	}
	require.Zero(t, s.sendRows(rows.String()))
	require.Zero(t, s.sendRows("1,0700000001,numeric,a,\n"))
	width := func() float64 {
		return js[float64](b, `document.querySelector(".part").getBoundingClientRect().width / document.querySelector(".meter").getBoundingClientRect().width`)
	}
	b.open(s.URL + "uploads/1")
	size := func(name string) float64 {
		return js[float64](b, `Number([...document.querySelectorAll("th[scope=row]")].find(th => th.textContent === "`+name+`").nextElementSibling.textContent)`)
	}
	require.InDelta(t, size("SizeCompressed")/size("SizePlain"), width(), 0.01)
	require.Less(t, width(), 0.5)
	b.open(s.URL + "uploads/2")
	require.InDelta(t, 1, width(), 0.01, "one short message grows")
}

// Every page, in both colour schemes, on a desktop and a phone, against the rules of axe-core.
// SMSLINK_AXE is the path of its axe.min.js.
func TestSandboxPage_isAccessible(t *testing.T) {
	needsLong(t)
	t.Parallel()
	axe := os.Getenv("SMSLINK_AXE")
	if axe == "" {
		if os.Getenv("SMSLINK_NEED_AXE") != "" {
			t.Fatal("CI needs SMSLINK_AXE")
		}
		t.Skip("SMSLINK_AXE does not name axe-core's axe.min.js; .ci/run installs it by npm")
	}
	script, err := os.ReadFile(axe)
	require.NoError(t, err)
	b := newBrowser(t)
	s := startSandbox(t, "--deliver-after", "manual", "--unknown-number", "0700000003", "--fault", "none", "--fault", "none", "--fault", "none", "--fault", "lose-reply")
	checked := 0
	check := func(path string, prepare ...string) {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 390} {
				b.view(width, 844, scheme)
				b.open(s.URL + path)
				b.sees(`document.getElementById("live-words").textContent === "live"`)
				for _, step := range prepare {
					js[bool](b, step+" || true")
				}
				js[bool](b, string(script)+"; true")
				raw := js[string](b, `new Promise(done => setTimeout(done, 600)).then(() => axe.run()).then(r => JSON.stringify([r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")), r.passes.map(p => p.id)]))`)
				var violations, passes []string
				require.NoError(t, json.Unmarshal([]byte(raw), &[]any{&violations, &passes}))
				require.Empty(t, violations, "%s, %s, %d wide", path, scheme, width)
				require.Contains(t, passes, "color-contrast")
				require.Contains(t, passes, "page-has-heading-one")
				b.picture(fmt.Sprintf("axe-%02d-%s-%d", checked, scheme, width))
				checked++
			}
		}
	}
	check("")
	check("uploads")
	check("controls")
	require.Equal(t, 1, s.sendRows(mixedRows))
	require.Zero(t, s.sendRows("5,0700000005,MAGAZIN,هذا نص يكتب من اليمين إلى اليسار,2030-02-19T17:30:00+02:00\n"))
	wrong := s.in(t)
	wrong.Password = "wrong"
	require.Equal(t, 3, wrong.sendRows("1,0700000002,numeric,a,\n"))
	js[bool](b, `fetch("/messages/220000001/deliver", {method: "POST"}).then(() => fetch("/messages/220000002/fail", {method: "POST"})).then(() => true)`)
	for _, path := range []string{"", "?status=failed", "?q=nimic", "?package=1001", "?notice=1", "uploads", "uploads/1", "uploads/3", "phones/1"} {
		check(path)
	}
	for _, number := range []string{"0700000001", "0700000002", "0700000003", "0700000005"} {
		check("phones/"+number, `document.querySelector(".message details").open = true`)
	}
	js[bool](b, `fetch("/credit", {method: "POST", body: new URLSearchParams({do: "set", credit: 0})}).then(() => true)`)
	check("controls", `document.getElementById("clear-all").open = true`)
	t.Logf("axe-core: %d pages without a violation", checked)
}

// Each control is reached by Tab, in the page's order, and its focus is visible.
func TestSandboxPage_everythingIsReachedByKeyboard(t *testing.T) {
	needsLong(t)
	t.Parallel()
	b := newBrowser(t)
	s := startSandbox(t, "--deliver-after", "manual")
	b.view(1280, 800, "light")
	require.Zero(t, s.sendRows("1,0700000001,MAGAZIN,Salut,\n"))
	for _, path := range []string{"", "uploads", "uploads/1", "phones/0700000001", "controls"} {
		b.open(s.URL + path)
		b.sees(`document.getElementById("live-words").textContent === "live"`)
		js[bool](b, `(() => { window.toReach = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, main [tabindex='0']")].filter(e => e.checkVisibility()); return true })()`)
		total := js[int](b, `toReach.length`)
		require.Greater(t, total, 5)
		last := -1
		for range total {
			b.press("\t")
			at := js[int](b, `toReach.indexOf(document.activeElement)`)
			require.Greater(t, at, last, "%s: %s", path, js[string](b, `document.activeElement.outerHTML`))
			require.NotEqual(t, "none", js[string](b, `getComputedStyle(document.activeElement).outlineStyle`), "the focus is seen")
			last = at
		}
		require.Equal(t, total-1, last, path)
	}
}

// A command on the page breaks only between its arguments, never within --endpoint.
func TestSandboxPage_commandsBreakBetweenWords(t *testing.T) {
	needsLong(t)
	t.Parallel()
	b := newBrowser(t)
	s := startSandbox(t)
	for _, width := range []int64{1280, 900, 700, 390, 320} {
		b.view(width, 844, "light")
		for _, path := range []string{"", "controls"} {
			b.open(s.URL + path)
			broken := js[string](b, `[...document.querySelectorAll("#copy-shell .word")].filter(w => {
				const text = document.createRange();
				text.selectNodeContents(w);
				return text.getClientRects().length > 1 && w.getBoundingClientRect().width < 0.8 * w.closest("pre").clientWidth;
			}).map(w => w.textContent).join(" ")`)
			require.Empty(t, broken, "%d wide", width)
			require.True(t, js[bool](b, `document.scrollingElement.scrollWidth <= innerWidth`), "%d wide", width)
			require.Contains(t, js[string](b, `document.getElementById("copy-shell").textContent`), "| smslink send --endpoint "+s.Endpoint+" -")
		}
	}
}

// A person reads times in the zone of the browser, whichever zone the sandbox runs in.
func TestSandboxPage_timesAreTheBrowsers(t *testing.T) {
	needsLong(t)
	t.Parallel()
	b := newBrowser(t)
	_, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Bucharest"})
		return chromedp.Void{}, err
	})
	require.NoError(t, err)
	s := startSandbox(t, "--deliver-after", "0s")
	require.Zero(t, s.sendRows("1,0700000001,MAGAZIN,Salut,2035-02-19T17:30:00Z\n2,0700000002,MAGAZIN,Salut,\n"))
	b.open(s.URL + "phones/0700000001")
	require.Contains(t, js[string](b, `document.querySelector(".about").textContent`), "for 19 Feb 2035, 19:30")
	require.Contains(t, js[string](b, `document.querySelector(".about").textContent`), "accepted for later", "it is not delivered before its time")
	taken := js[string](b, `document.querySelector(".message .from time").dateTime`)
	at, err := time.Parse(time.RFC3339, taken)
	require.NoError(t, err)
	zone, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	want := at.In(zone).Format("15:04:05")
	require.Equal(t, want, js[string](b, `document.querySelector(".message .from time").textContent`))

	// So are the times of what arrives while the page is open. What is the same is not changed.
	js[bool](b, `document.querySelector(".message").kept = true`)
	require.Zero(t, s.sendRows("3,0700000001,MAGAZIN,Salut,\n"))
	b.sees(`document.querySelectorAll(".message").length === 2`)
	require.True(t, js[bool](b, `document.querySelector(".message").kept === true`))
	require.True(t, js[bool](b, `[...document.querySelectorAll("time")].every(t => t.textContent !== new Date(t.dateTime).toISOString().slice(11, 19))`))
	b.open(s.URL)
	b.sees(`[...document.querySelectorAll("#rows .state")].some(e => e.textContent.trim().endsWith("delivered"))`)
}
