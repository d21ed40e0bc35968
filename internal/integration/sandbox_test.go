package integration_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const campaign = "../../testdata/campaign.csv"

// The tests use the sandbox as a developer does: the real binary, and the real page in a real
// browser. Nothing is reloaded unless a test does it.
func TestSandbox(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	reports := newReports(t)
	s := startSandbox(t, "--deliver-after", "manual", "--unknown-number", "0700000003", "--callback", reports.URL)
	b.view(1280, 800, "light")

	t.Run("a campaign arrives while the page is open", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		b.open(s.URL)
		b.sees(`document.getElementById("nothing") && document.getElementById("live-words").textContent === "live"`)
		b.picture("empty-desktop")
		js[bool](b, `window.notReloaded = true`)
		require.Zero(t, s.sendRows(strings.Join([]string{
			`1,0700000001,MAGAZIN,"Bună, Ioana! Comanda 954347 a fost predată curierului.",`,
			`2,0700000002,MAGAZIN,"Comanda vă așteaptă în magazin:`, `Str. Ștefan cel Mare 12",2030-02-19T17:30:00+02:00`,
			`4,0700000004,numeric,<script>document.title='run'</script><img src=x onerror=alert(1)>,`,
			`5,+40700000001,numeric,La mulți ani! 🎂👋🏽,`,
			`6,0700000005,MAGAZIN,هذا نص يكتب من اليمين إلى اليسار 123 📦,`,
			`7,0700000006,MAGAZIN,` + strings.Repeat("Nedesparțit", 40) + `,`,
		}, "\n")))
		b.sees(`document.querySelectorAll("#rows > li").length === 5`)
		require.Equal(t, "6 messages to 5 phones", js[string](b, `document.getElementById("counts").textContent.trim()`))
		require.Equal(t, 1, s.sendRows("8,0700000003,numeric,Salut,\n"))
		b.sees(`document.getElementById("row-0700000003")`)
		require.Contains(t, js[string](b, `document.getElementById("row-0700000003").textContent`), "number failed")
		b.sees(`document.getElementById("arrivals").textContent.includes("new message")`)
		require.True(t, js[bool](b, `window.notReloaded === true`))
		b.picture("list-desktop")
	})

	t.Run("texts are shown as text", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		b.open(s.URL + "phones/0700000004")
		require.Equal(t, `<script>document.title='run'</script><img src=x onerror=alert(1)>`, js[string](b, `document.querySelector(".bubble").textContent`))
		require.Zero(t, js[int](b, `document.querySelectorAll("main script, .bubble *").length`))
		require.NotEqual(t, "run", js[string](b, `document.title`))
		b.picture("script-desktop")
		for number, name := range map[string]string{"0700000005": "rtl", "0700000006": "long", "0700000003": "failed", "0700000001": "two"} {
			b.open(s.URL + "phones/" + number)
			require.LessOrEqual(t, js[int](b, `document.documentElement.scrollWidth`), 1280, "nothing sticks out")
			b.picture(name + "-desktop")
			b.view(390, 844, "dark")
			b.open(s.URL + "phones/" + number)
			require.LessOrEqual(t, js[int](b, `document.documentElement.scrollWidth`), 390, "nothing sticks out")
			b.picture(name + "-phone-dark")
			b.view(1280, 800, "light")
		}
	})

	t.Run("a conversation grows, and what stands open stays open", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		b.open(s.URL + "phones/0700000002")
		js[bool](b, `document.querySelector(".message details").open = true`)
		require.Zero(t, s.sendRows("9,0700000002,MAGAZIN,Încă unul,\n"))
		b.sees(`document.querySelectorAll(".bubble").length === 2`)
		require.True(t, js[bool](b, `document.querySelector(".message details").open`))
		require.Equal(t, "Încă unul", js[string](b, `document.querySelectorAll(".bubble")[1].textContent`))
	})

	t.Run("search", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		b.open(s.URL)
		for query, want := range map[string]string{"+40 700 000 002": "row-0700000002", "000003": "row-0700000003", "predată": "0700 000 001"} {
			js[bool](b, `(() => { const q = document.getElementById("q"); q.value = `+fmt.Sprintf("%q", query)+`; q.dispatchEvent(new Event("input", {bubbles: true})); return true })()`)
			b.sees(`document.querySelectorAll("#rows > li").length === 1 && document.getElementById("rows").outerHTML.includes(` + fmt.Sprintf("%q", want) + `)`)
		}
	})

	t.Run("deliver and fail make the reports", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		b.open(s.URL + "phones/0700000001")
		js[bool](b, `window.notReloaded = true`)
		js[bool](b, `document.querySelector("[id^=deliver-]").click() || true`)
		b.sees(`document.querySelector(".about .state.delivered")`)
		require.Equal(t, "1", reports.last().Get("status"))
		js[bool](b, `(() => { // what is said is said for a while only
			window.heard = ""
			new MutationObserver(() => { window.heard += document.getElementById("said").textContent }).observe(document.body, {childList: true, subtree: true, characterData: true})
			document.querySelector("[id^=fail-]").click()
			return true
		})()`)
		b.sees(`document.querySelector(".about .state.undelivered")`)
		require.Equal(t, "0", reports.last().Get("status"))
		require.Equal(t, "220000001", reports.last().Get("message_id"))
		b.sees(`window.heard.includes("reported as not delivered")`)
		require.True(t, js[bool](b, `window.notReloaded === true`))
	})

	t.Run("an injected fault meets the next upload", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		b.open(s.URL + "controls")
		js[bool](b, `(() => { document.getElementById("fault").value = "lose-reply"; document.getElementById("inject").click(); return true })()`)
		b.sees(`document.getElementById("chip-fault")`)
		b.picture("controls-desktop")
		require.Equal(t, 4, s.sendRows("20,0700000002,numeric,Pierdut,\n"), "in doubt")
		b.sees(`!document.getElementById("chip-fault")`)
		js[bool](b, `(() => { document.getElementById("credit-field").value = "1"; document.getElementById("credit-set").click(); return true })()`)
		b.sees(`document.getElementById("credit-now").textContent.includes("1")`)
		require.Equal(t, 1, s.sendRows("21,0700000002,numeric,unu,\n22,0700000002,numeric,doi,\n"), "no credit for the second")
		js[bool](b, `document.getElementById("credit-unlimited").click() || true`)
		b.sees(`document.getElementById("credit-now").textContent.includes("unlimited")`)
	})

	t.Run("a refused upload", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		wrong := s.in(t)
		wrong.Password = "wrong"
		require.Equal(t, 3, wrong.sendRows("1,0700000002,numeric,unu,\n"))
		b.open(s.URL + "uploads")
		b.sees(`document.querySelector("#rows > li .state.failed")`)
		js[bool](b, `document.querySelector("#rows > li a").click() || true`)
		b.sees(`document.querySelector(".card.bad code")`)
		require.Equal(t, "ERROR;7;wrong password", js[string](b, `document.querySelector(".card.bad code").textContent`))
		require.NotContains(t, js[string](b, `[...document.querySelectorAll("th[scope=row]")].map(th => th.textContent).join()`), "password")
		b.picture("refused-desktop")
		b.view(390, 844, "light")
		b.open(s.URL + "uploads/1")
		b.picture("upload-phone")
		b.view(1280, 800, "light")
	})

	t.Run("by keyboard alone", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		b.open(s.URL)
		tabTo := func(id string) {
			for range 60 {
				b.press("\t")
				if js[string](b, `document.activeElement.id`) == id {
					require.NotEqual(t, "none", js[string](b, `getComputedStyle(document.activeElement).outlineStyle`), "the focus is seen")
					return
				}
			}
			require.Fail(t, "Tab never reaches "+id)
		}
		tabTo("q")
		tabTo("go-0700000004")
		b.press("\r")
		b.sees(`location.pathname === "/phones/0700000004"`)
		tabTo("deliver-220000003")
		b.press("\r")
		b.sees(`document.querySelector(".about .state.delivered")`)
		require.Equal(t, "deliver-220000003", js[string](b, `document.activeElement.id`), "the focus stays")
	})

	t.Run("without JavaScript", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		b.scripts(false)
		defer b.scripts(true)
		b.open(s.URL + "phones/0700000005")
		b.focus("deliver-220000005")
		b.press("\r")
		b.sees(`document.querySelector(".notice") && document.querySelector(".about .state.delivered")`)
		b.open(s.URL + "?q=0700000006")
		b.sees(`document.querySelectorAll("#rows > li").length === 1`)
	})

	t.Run("a page elsewhere is refused", func(t *testing.T) { testForeignPage(t, b.in(t), s.in(t)) })
	t.Run("thousands of messages stay usable", func(t *testing.T) {
		needsLong(t)
		testManyMessages(t, b.in(t), s.in(t))
	})

	clearAll := func(b *browser) {
		b.open(s.URL + "controls")
		js[bool](b, `(() => { document.getElementById("clear-all").open = true; document.getElementById("clear-button").click(); return true })()`)
		b.sees(`location.search.includes("notice")`)
		b.open(s.URL)
		b.sees(`document.getElementById("nothing") && document.getElementById("start")`)
	}
	t.Run("clear all", func(t *testing.T) { clearAll(b.in(t)) })
	t.Run("the first command works", func(t *testing.T) { testFirstCommand(t, b.in(t), s.in(t)) })

	t.Run("pictures for the docs", func(t *testing.T) {
		b, s := b.in(t), s.in(t)
		if *screenshots == "" {
			t.Skip("only with -screenshots")
		}
		clearAll(b)
		require.Zero(t, s.send(campaign))
		require.Zero(t, s.sendRows(strings.Join([]string{
			`5001,0700241960,MAGAZIN,"Bună, Florin! Comanda 748878 a fost predată curierului. Urmăriți-o la https://magazin.example/c/e8feb",`,
			`5002,0700241960,MAGAZIN,"Comanda 748878 vă așteaptă în magazin:`, `Str. Ștefan cel Mare 12`, `L-V 9-18; S 10-14",2030-02-19T17:30:00+02:00`,
		}, "\n")))
		b.sees(`document.getElementById("rows").textContent.includes("vă așteaptă") && document.querySelectorAll("#rows > li").length === 50`)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for i := range 12 {
			what := []string{"deliver", "deliver", "fail"}[i%3]
			resp, err := client.Post(fmt.Sprintf("%smessages/%d/%s", s.URL, 220000201-i, what), "", nil)
			require.NoError(t, err)
			resp.Body.Close()
		}
		for _, scheme := range []string{"light", "dark"} {
			b.view(1280, 800, scheme)
			b.open(s.URL + "phones/0700241960")
			b.sees(`document.querySelector(".bubble")`)
			b.picture("sandbox-" + scheme)
			b.view(390, 844, scheme)
			b.open(s.URL)
			b.picture("sandbox-phone-" + scheme)
			b.open(s.URL + "controls")
			b.picture("controls-phone-" + scheme)
		}
	})
}

// testManyMessages sends thousands of messages while the page is open.
func testManyMessages(t *testing.T, b *browser, s *sandbox) {
	var rows strings.Builder
	const many = 10_000
	for i := range many {
		fmt.Fprintf(&rows, "%d,071%07d,MAGAZIN,Codul dvs. de confirmare este %06d. Nu îl comunicați nimănui.,\n", i, i, i*7919%1_000_000)
	}
	b.open(s.URL)
	js[bool](b, `(() => { window.inserted = 0; new MutationObserver(all => { for (const m of all) window.inserted += m.addedNodes.length }).observe(document.body, {childList: true, subtree: true}); return true })()`)
	start := time.Now()
	require.Zero(t, s.sendRows(rows.String()))
	sent := time.Since(start)
	b.sees(`document.getElementById("counts").textContent.includes("10,0")`)
	seen := time.Since(start)
	inserted, nodes := js[int](b, `window.inserted`), js[int](b, `document.querySelectorAll("*").length`)
	b.picture("many-desktop")

	b.open(s.URL)
	interactive := js[float64](b, `performance.getEntriesByType("navigation")[0].domInteractive`)
	loaded := js[float64](b, `performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd`)
	start = time.Now()
	js[bool](b, `(() => { const q = document.getElementById("q"); q.value = "0710000321"; q.dispatchEvent(new Event("input", {bubbles: true})); return true })()`)
	b.sees(`document.querySelectorAll("#rows > li").length === 1`)
	search := time.Since(start)
	t.Logf("%d messages: sent in %v, on the page after %v with %d nodes inserted; %d elements; opened again: interactive after %.0f ms, scripts run after %.0f ms; a search takes %v",
		many, sent.Round(time.Millisecond), seen.Round(time.Millisecond), inserted, nodes, interactive, loaded, search.Round(time.Millisecond))
	require.Less(t, nodes, 2_000)
	require.Less(t, inserted, 5_000)
	b.open(s.URL)
	js[bool](b, `document.getElementById("list-older").click() || true`)
	b.sees(`location.search === "?skip=50" && document.getElementById("list-newer")`)
}

// reports is a program's endpoint for delivery reports.
type reports struct {
	*httptest.Server
	mu  sync.Mutex
	got []url.Values
}

func newReports(t *testing.T) *reports {
	r := new(reports)
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, req.URL.Query())
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *reports) last() url.Values {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[len(r.got)-1]
}
