// Package chart draws line charts as SVG. A picture is 700 pixels wide, and light or dark as the
// reader's browser is.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Point is a measured value.
type Point struct{ X, Y float64 }

// Line is a named series. Color is an index, from 0 to 5.
type Line struct {
	Name   string
	Color  int
	Dashed bool
	Points []Point
}

// Axis names what is measured, and how a tick is written.
type Axis struct {
	Label  string
	Log    bool                 // to the base of 10
	Format func(float64) string // nil means Number
}

// Chart is a diagram of lines. Its Y axis starts at 0, unless it is logarithmic.
type Chart struct {
	Title string
	X, Y  Axis
	Lines []Line
}

// Number writes a value with a comma after each three digits before the point.
func Number(value float64) string {
	text := strconv.FormatFloat(math.Round(value*1e9)/1e9, 'f', -1, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}

const (
	width  = 700
	gap    = 24 // between two charts
	margin = 8
	left   = 62 // of the axes, for the ticks' labels
	right  = 20
	row    = 20 // height of a line of text
	axes   = 210
	em     = 7.2 // estimated width of a character
)

// Draw returns a picture of the charts, with that many in a row.
func Draw(description string, columns int, charts ...Chart) []byte {
	var b bytes.Buffer
	each := (width - gap*(columns-1)) / columns
	y := 0
	for group := range slices.Chunk(charts, columns) {
		tallest := 0
		for i, c := range group {
			tallest = max(tallest, c.draw(&b, i*(each+gap), y, each))
		}
		y += tallest + gap
	}
	return fmt.Appendf(nil, picture, width, y-gap+margin, html.EscapeString(description), b.String())
}

const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="t">
<title id="t">%[3]s</title>
<style>
  text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 14px }
  .small { font-size: 12px; fill: #57606a }
  .paper { fill: #ffffff }
  .grid { stroke: #d8dee4; stroke-width: 1 }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .line { fill: none; stroke-width: 2.2; stroke-linejoin: round }
  .c0 { stroke: #0969da } .c1 { stroke: #bc4c00 } .c2 { stroke: #1a7f37 } .c3 { stroke: #8250df } .c4 { stroke: #6e7781 } .c5 { stroke: #bf3989 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .paper { fill: #0d1117 }
    .grid { stroke: #2d333b }
    .axis { stroke: #6e7681 }
    .c0 { stroke: #58a6ff } .c1 { stroke: #f0883e } .c2 { stroke: #3fb950 } .c3 { stroke: #bc8cff } .c4 { stroke: #9198a1 } .c5 { stroke: #f778ba }
  }
</style>
<rect class="paper" width="%[1]d" height="%[2]d"/>
%[4]s</svg>
`

// draw appends the chart with its upper left corner at (x0, y0), and returns its height.
func (c Chart) draw(b *bytes.Buffer, x0, y0, width int) int {
	text := func(class string, x, y float64, anchor, text string) {
		text = html.EscapeString(text)
		fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, text)
	}
	y := y0 + margin + row - 5
	text("title", float64(x0+margin), float64(y), "start", c.Title)
	y += 6
	longest := 0
	for _, line := range c.Lines {
		longest = max(longest, len([]rune(line.Name)))
	}
	column := float64(longest)*em + 46
	perRow := max(1, int(float64(width-margin)/column))
	for i, line := range c.Lines {
		x, at := float64(x0+margin)+float64(i%perRow)*column, y+i/perRow*row+row-5
		fmt.Fprintf(b, `<path class="line c%d"%s d="M%.1f %dh24"/>`+"\n", line.Color, line.dash(), x, at-4)
		text("", x+30, float64(at), "start", line.Name)
	}
	y += (len(c.Lines)+perRow-1)/perRow*row + 14

	xs, ys := c.ticks()
	toX := scale(c.X.Log, xs[0], xs[len(xs)-1], float64(x0+left), float64(x0+width-right))
	toY := scale(c.Y.Log, ys[0], ys[len(ys)-1], float64(y+axes), float64(y))
	for _, tick := range ys {
		fmt.Fprintf(b, `<path class="grid" d="M%d %.1fH%d"/>`+"\n", x0+left, toY(tick), x0+width-right)
		text("small", float64(x0+left-6), toY(tick)+4, "end", c.Y.format(tick))
	}
	for i, tick := range xs {
		x, anchor := toX(tick), "middle"
		fmt.Fprintf(b, `<path class="axis" d="M%.1f %dv5"/>`+"\n", x, y+axes)
		if i == len(xs)-1 {
			x, anchor = x+12, "end"
		}
		text("small", x, float64(y+axes+row), anchor, c.X.format(tick))
	}
	fmt.Fprintf(b, `<path class="axis" d="M%d %dH%d"/>`+"\n", x0+left, y+axes, x0+width-right)
	text("small", float64(x0+left+(width-left-right)/2), float64(y+axes+2*row-2), "middle", c.X.Label)
	for _, line := range c.Lines {
		var path strings.Builder
		for i, p := range line.Points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], toX(p.X), toY(p.Y))
		}
		fmt.Fprintf(b, `<path class="line c%d"%s d="%s"/>`+"\n", line.Color, line.dash(), path.String())
	}
	return y + axes + 2*row - y0
}

func (l Line) dash() string {
	if l.Dashed {
		return ` stroke-dasharray="6 4"`
	}
	return ""
}

func (a Axis) format(value float64) string {
	if a.Format != nil {
		return a.Format(value)
	}
	return Number(value)
}

// ticks returns those of both axes. The first and the last are the axis's ends.
func (c Chart) ticks() (xs, ys []float64) {
	for _, line := range c.Lines {
		for _, p := range line.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
		}
	}
	if !c.Y.Log {
		ys = append(ys, 0)
	}
	return c.X.ticks(slices.Min(xs), slices.Max(xs)), c.Y.ticks(slices.Min(ys), slices.Max(ys))
}

// ticks returns round values. The first is at most low, and the last at least high.
func (a Axis) ticks(low, high float64) (ticks []float64) {
	if a.Log {
		for e := math.Floor(math.Log10(low) + 1e-9); ; e++ {
			ticks = append(ticks, math.Pow(10, e))
			if math.Pow(10, e) >= high*(1-1e-9) && len(ticks) > 1 {
				return ticks
			}
		}
	}
	step := math.Pow(10, math.Floor(math.Log10(max(high-low, 1e-9)/4)))
	for _, times := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*times) <= 5 {
			step *= times
			break
		}
	}
	for n := math.Floor(low/step + 1e-9); ; n++ {
		ticks = append(ticks, n*step)
		if n*step >= high-step*1e-9 && len(ticks) > 1 {
			return ticks
		}
	}
}

// scale returns the function that takes a value between low and high to a pixel between from and
// to.
func scale(logarithmic bool, low, high, from, to float64) func(float64) float64 {
	if logarithmic {
		linear := scale(false, math.Log10(low), math.Log10(high), from, to)
		return func(value float64) float64 { return linear(math.Log10(value)) }
	}
	return func(value float64) float64 { return from + (value-low)/(high-low)*(to-from) }
}
