package measure_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-smslink/smslink/internal/bench/measure"
)

func TestSpread(t *testing.T) {
	for want, values := range map[string][]float64{
		"202 ns":                   {202},
		"1.50 ms (1.00 to 2.00)":   {2e6, 1e6},
		"12.3 s (0.1 to 100)":      {12.34e9, 1e8, 1e11},
		"0.612 ms (0.612 to 42.7)": {612e3, 612e3, 42.7e6},
	} {
		if got := measure.Spread(values, "ns"); got != want {
			t.Errorf("the spread of %v is %q, not %q", values, got, want)
		}
	}
	if got := measure.Spread([]float64{1_180_000}, "kB"); got != "1.18 GB" {
		t.Error(got)
	}
	if got := measure.Spread([]float64{2, 1.68, 0.65}, ""); got != "1.68 (0.65 to 2.00)" {
		t.Error(got)
	}
}

func TestMet(t *testing.T) {
	for _, c := range []struct {
		measured, target float64
		text, met        string
	}{
		{1.5, 1.5, "≥ 1.5", "yes"}, {1.49, 1.5, "≥ 1.5", "**no**"},
		{20_001, 20_000, "≥ 20000", "yes"}, {0.7, -0.7, "≤ 0.7", "yes"}, {0.71, -0.7, "≤ 0.7", "**no**"}, {3, 0, "", ""},
	} {
		if text, met := measure.Met(c.measured, c.target); text != c.text || met != c.met {
			t.Errorf("%v: %q, %q", c, text, met)
		}
	}
}

func TestReceiver_acceptsTheNextOfANameEachTime(t *testing.T) {
	receiver := measure.NewReceiver()
	for _, c := range [][2]string{
		{"/2", "1:220000001:3,2:220000002:3"}, {"/2", "1:220000001:3,2:220000002:3"},
		{"/2/a", "1:220000001:3,2:220000002:3"}, {"/2/a", "3:220000003:3,4:220000004:3"}, {"/1/b", "1:220000001:3"},
	} {
		w := httptest.NewRecorder()
		receiver.ServeHTTP(w, httptest.NewRequest(http.MethodPost, c[0], strings.NewReader("upload")))
		if got, _ := io.ReadAll(w.Body); string(got) != "MESSAGE;1;ok;77;"+c[1] || receiver.Uploaded.Load() != 6 {
			t.Errorf("%s: %s", c[0], got)
		}
	}
}
