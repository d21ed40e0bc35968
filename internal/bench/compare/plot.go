package main

import (
	"image/color"
	"math"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// curve is one line of a plot: a value for each number of messages.
type curve struct {
	name   string
	color  color.Color
	dashed bool
	points plotter.XYs
}

// drawPNG draws time and memory against the number of messages, side by side, all
// axes logarithmic.
func drawPNG(path string, times, memories []curve) error {
	left, err := chart("seconds for the whole job", times)
	if err != nil {
		return err
	}
	right, err := chart("MB of memory at the peak", memories)
	if err != nil {
		return err
	}
	const width, height = 26 * vg.Centimeter, 11 * vg.Centimeter
	img := vgimg.New(width, height)
	canvas := draw.New(img)
	left.Draw(draw.Crop(canvas, 0, -width/2-vg.Millimeter*3, 0, 0))
	right.Draw(draw.Crop(canvas, width/2+vg.Millimeter*3, -vg.Millimeter*3, 0, 0))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := (vgimg.PngCanvas{Canvas: img}).WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func chart(label string, curves []curve) (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "messages", label
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Points(3)
	p.Add(plotter.NewGrid())
	low, high := math.Inf(1), 0.0
	for _, c := range curves {
		line, dots, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return nil, err
		}
		line.Color, dots.Color, dots.Shape = c.color, c.color, draw.CircleGlyph{}
		line.Width = vg.Points(1.5)
		if c.dashed {
			line.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
		}
		p.Add(line, dots)
		p.Legend.Add(c.name, line)
		for _, point := range c.points {
			low, high = min(low, point.Y), max(high, point.Y)
		}
	}
	// The axes end at a power of ten, so that it has a label.
	p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	return p, nil
}
