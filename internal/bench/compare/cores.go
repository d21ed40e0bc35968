package main

import (
	"bytes"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/klauspost/compress/zlib"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/bench/processor"
	"github.com/go-smslink/smslink/internal/lzf"
)

// coresResult is what zlib and LZF take on all cores, beside what they take on one.
type coresResult struct {
	serial, zlib                     cost // klauspost's writer alone, and our codec, which has several of them
	one, lzf                         cost // LZF on one core, and on all
	libdeflate                       []float64
	size, serialSize, libdeflateSize float64
}

// cost has the shortest time by the clock, and the least processor time, of each run, in ns.
type cost struct{ wall, cpu []float64 }

// costs runs rounds of all sides in turn, for a second a side.
func costs(sides map[*cost]func() error) error {
	wall, cpu := map[*cost]float64{}, map[*cost]float64{}
	for side := range sides {
		wall[side], cpu[side] = math.Inf(1), math.Inf(1)
	}
	for end := time.Now().Add(time.Duration(len(sides)) * time.Second); time.Now().Before(end); {
		for side, round := range sides {
			used, start := processor.Time(), time.Now()
			if err := round(); err != nil {
				return err
			}
			wall[side] = min(wall[side], float64(time.Since(start)))
			cpu[side] = min(cpu[side], float64(processor.Time()-used))
		}
	}
	for side := range sides {
		side.wall, side.cpu = append(side.wall, wall[side]), append(side.cpu, cpu[side])
	}
	return nil
}

// cores compares what zlib and LZF do on all cores with what they do on one, on 100,000 messages.
func (c *comparison) cores() error {
	plain, err := os.ReadFile(filepath.Join(c.dir, "plain"))
	if err != nil {
		return err
	}
	var serial bytes.Buffer
	writer, err := zlib.NewWriterLevel(&serial, 6)
	if err != nil {
		return err
	}
	var packed, lzfOne, lzfAll []byte
	r := &c.report.cores
	log.Print("zlib and LZF on one core and on all")
	for range c.runs {
		err := costs(map[*cost]func() error{
			&r.serial: func() error {
				serial.Reset()
				writer.Reset(&serial)
				if _, err := writer.Write(plain); err != nil {
					return err
				}
				return writer.Close()
			},
			&r.zlib: func() (err error) {
				packed, err = smslink.CodecZlib.AppendCompress(packed[:0], plain)
				return err
			},
			&r.one: func() (err error) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
				lzfOne, err = lzf.AppendCompress(lzfOne[:0], plain)
				return err
			},
			&r.lzf: func() (err error) {
				lzfAll, err = lzf.AppendCompress(lzfAll[:0], plain)
				return err
			},
		})
		if err != nil {
			return err
		}
		out, err := output(filepath.Join(c.dir, "deflate"), filepath.Join(c.dir, "plain"), "6")
		if err != nil {
			return err
		}
		var ns float64
		if _, err := fmt.Sscan(out, &r.libdeflateSize, &ns); err != nil {
			return err
		}
		r.libdeflate = append(r.libdeflate, ns)
	}
	if !bytes.Equal(lzfOne, lzfAll) {
		return fmt.Errorf("LZF makes %d bytes on one core and %d others on all", len(lzfOne), len(lzfAll))
	}
	r.serialSize, r.size = float64(serial.Len()), float64(len(packed))
	return nil
}

func (r *coresResult) rows(t *table) {
	cores := runtime.GOMAXPROCS(0)
	of := func(a, b []float64) float64 { return median(a) / median(b) }
	from := func(a, b []float64) string { return spread(a, ms, "ms") + " and " + spread(b, ms, "ms") }
	if cores > 1 {
		t.judged(fmt.Sprintf("zlib on %d cores, time ÷ its writer's alone", cores), of(r.zlib.wall, r.serial.wall), "≤", 0.6, from(r.zlib.wall, r.serial.wall))
	}
	t.judged("its processor time ÷ its writer's alone", of(r.zlib.cpu, r.serial.cpu), "≤", 1.1, from(r.zlib.cpu, r.serial.cpu))
	t.judged("its size ÷ its writer's alone", r.size/r.serialSize, "≤", 1.002, fmt.Sprintf("%.0f and %.0f bytes", r.size, r.serialSize))
	t.told("zlib level 6, processor time ÷ libdeflate's level 6", of(r.zlib.cpu, r.libdeflate), from(r.zlib.cpu, r.libdeflate))
	t.told("zlib level 6, size ÷ libdeflate's level 6", r.size/r.libdeflateSize, fmt.Sprintf("%.0f and %.0f bytes", r.size, r.libdeflateSize))
	if cores > 1 {
		t.told(fmt.Sprintf("LZF on %d cores, time ÷ on one", cores), of(r.lzf.wall, r.one.wall), from(r.lzf.wall, r.one.wall))
	}
	t.told("its processor time ÷ on one", of(r.lzf.cpu, r.one.cpu), from(r.lzf.cpu, r.one.cpu))
}

// told is a row without a target.
func (t *table) told(what string, measured float64, from string) {
	t.row(what, "", ratio(measured), "", from)
}
