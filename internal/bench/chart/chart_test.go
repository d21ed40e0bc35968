package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/go-smslink/smslink/internal/bench/chart"
)

func TestDraw(t *testing.T) {
	lines := []chart.Line{
		{Name: "a < b", Points: []chart.Point{{1000, 0.002}, {1_000_000, 8}}},
		{Name: "flat", Color: 1, Dashed: true, Points: []chart.Point{{1000, 1}, {1_000_000, 1}}},
	}
	picture := chart.Draw("two charts & more", 2,
		chart.Chart{Title: "time", X: chart.Axis{Label: "messages", Log: true}, Y: chart.Axis{Log: true}, Lines: lines},
		chart.Chart{Title: "memory", X: chart.Axis{Label: "messages"}, Lines: lines},
		chart.Chart{Title: "nothing but 0", X: chart.Axis{Label: "messages"}, Lines: []chart.Line{{Name: "0", Points: []chart.Point{{0, 0}, {1, 0}}}}})
	for decoder := xml.NewDecoder(bytes.NewReader(picture)); ; {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"a &lt; b", ">1,000,000<", ">0.001<", "prefers-color-scheme: dark"} {
		if !bytes.Contains(picture, []byte(want)) {
			t.Errorf("no %q in %s", want, picture)
		}
	}
	for _, never := range []string{"NaN", "Inf", "e+06"} {
		if bytes.Contains(picture, []byte(never)) {
			t.Errorf("%q in %s", never, picture)
		}
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 0.001: "0.001", 999: "999", 1000: "1,000", 1e6: "1,000,000", 1234.5: "1,234.5", math.Pow(10, 4): "10,000"} {
		if got := chart.Number(value); got != want {
			t.Errorf("%v is %q, not %q", value, got, want)
		}
	}
}
