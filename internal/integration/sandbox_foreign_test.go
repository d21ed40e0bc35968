package integration_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// testForeignPage lets a page of another origin try to read and use the sandbox.
func testForeignPage(t *testing.T, b *browser, s *sandbox) {
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<form id="credit" method="post" action="%[1]scredit"><input name="do" value="set"><input name="credit" value="7"></form>
			<form id="clear" method="post" action="%[1]sclear"></form>
			<form id="bulk" method="post" enctype="multipart/form-data" action="%[2]s?timestamp=1"><input name="connection_id" value="%[3]s"></form>`,
			s.URL, s.Endpoint, s.ConnectionID)
	}))
	defer foreign.Close()
	uploads := func() string {
		b.open(s.URL + "uploads")
		return js[string](b, `document.getElementById("counts").textContent + document.getElementById("chip-credit").textContent`)
	}
	before := uploads()
	for _, form := range []string{"credit", "clear", "bulk"} {
		b.open(foreign.URL)
		js[bool](b, `document.getElementById("`+form+`").submit() || true`)
		b.sees(`document.body.innerText.includes("refused: ")`)
	}
	b.open(foreign.URL)
	for _, call := range []string{
		`fetch("%s")`, `fetch("%scredit", {method: "POST", body: new URLSearchParams({do: "set", credit: 7})})`,
		`fetch("%sevents")`, `fetch("%sclear", {method: "POST", mode: "no-cors"}).then(r => { if (r.type === "opaque") throw r })`,
	} {
		require.Equal(t, "refused", js[string](b, fmt.Sprintf(call, s.URL)+`.then(() => "taken", () => "refused")`))
	}
	js[bool](b, `new Promise(loaded => {
		const f = document.createElement("iframe")
		f.src = "`+s.URL+`"
		f.onload = () => loaded(true)
		document.body.append(f)
	})`)
	require.Zero(t, js[int](b, `(() => { try { return document.querySelector("iframe").contentDocument.querySelectorAll(".bar").length } catch { return 0 } })()`))
	require.Equal(t, before, uploads(), "nothing has changed")
}
