package bzip2_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

const blockSize = 900_000

// inputs returns inputs on which an encoder may fail, by name.
func inputs() map[string][]byte {
	all := map[string][]byte{
		"nothing":            nil,
		"one byte":           []byte("a"),
		"zero":               {0},
		"two bytes":          []byte("ab"),
		"each byte once":     eachByte(),
		"each byte, falling": bytes.Repeat(falling(), 1000),
		"255 bytes":          bytes.Repeat(eachByte()[1:], 20),
		"noise":              noise(200_000),
		"two letters":        fewLetters(300_000, 2),
		"three letters":      fewLetters(100_000, 3),
		"runs":               runs(1_300_000),
		"one letter":         bytes.Repeat([]byte("a"), 3_000_000),
		"period 2":           bytes.Repeat([]byte("ab"), 150_000),
		"period 4":           bytes.Repeat([]byte("aaab"), 75_000),
		"period 1000":        bytes.Repeat(noise(1000), 300),
		"period 100000":      bytes.Repeat(noise(100_000), 3),
		"almost a period":    append(bytes.Repeat([]byte("aab"), 200_000), "aac"...),
		"Fibonacci word":     fibonacci(300_000),
		"Thue-Morse word":    thueMorse(300_000),
		"campaign":           campaign(10_000),
	}
	for _, n := range []int{3, 4, 5, 254, 255, 256, 258, 259, 260, 510, 514} {
		run := strings.Repeat("a", n)
		all[fmt.Sprintf("a run of %d", n)] = []byte(run)
		all[fmt.Sprintf("a run of %d inside", n)] = []byte("b" + run + "c" + run)
	}
	// The first block fills up within the run of "#", or just before or after it. The other bytes
	// are no runs, so each takes one byte of a block. There are two blocks' worth of them; with
	// fewer, the first block would be planned smaller.
	text := bytes.Repeat(eachByte(), 2*blockSize/256+1)
	for before := blockSize - 6; before <= blockSize; before++ {
		for _, run := range []int{4, 260} {
			plain := append(bytes.Clone(text[:before]), strings.Repeat("#", run)...)
			all[fmt.Sprintf("a run of %d after %d bytes", run, before)] = append(plain, text[:2*blockSize-len(plain)]...)
		}
	}
	// One byte decides whether there is a second block.
	for n := blockSize - 1; n <= blockSize+1; n++ {
		all[fmt.Sprintf("%d bytes", n)] = text[:n]
	}
	return all
}

// campaign returns a package of a shop's messages, the same on every run.
func campaign(messages int) []byte {
	random := rand.New(rand.NewPCG(5, 17))
	names := []string{"Ștefan", "Ioana", "Andrei", "Mălina", "Țuțea", "Elena", "Cătălin", "Ana-Maria", "Florin", "Iulia"}
	var b bytes.Buffer
	for id := range messages {
		code, name := 100_000+random.IntN(900_000), names[random.IntN(len(names))]
		fmt.Fprintf(&b, "%d;407%08d;numeric;", id+1, random.IntN(100_000_000))
		switch random.IntN(6) {
		case 0, 1, 2:
			fmt.Fprintf(&b, "Codul dvs. de confirmare este %d. Nu îl comunicați nimănui.", code)
		case 3:
			fmt.Fprintf(&b, "Bună, %s! Comanda %d a fost predată curierului. Urmăriți-o: https://magazin.example/c/%08x", name, code, random.Uint32())
		case 4:
			fmt.Fprintf(&b, "%s, vă reamintim programarea din %d.%d la ora %d:30. Pentru anulare răspundeți NU.", name, 1+random.IntN(28), 1+random.IntN(12), 8+random.IntN(10))
		case 5:
			fmt.Fprintf(&b, "Factura %d în valoare de %d,%02d lei este scadentă în %d zile. Mulțumim!", code, 20+random.IntN(400), random.IntN(100), 1+random.IntN(30))
		}
		b.WriteString(";0\r\n")
	}
	return b.Bytes()
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func fewLetters(n, letters int) []byte {
	random := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(random.IntN(letters))
	}
	return b
}

// runs returns runs of equal bytes. With their counts some become longer and some shorter.
func runs(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for len(b) < n {
		b = append(b, bytes.Repeat([]byte{byte(random.IntN(3))}, 1+random.IntN(6)*random.IntN(80))...)
	}
	return b[:n]
}

func eachByte() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// falling returns bytes that are each last in the move-to-front list.
func falling() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(255 - i)
	}
	return b
}

func fibonacci(n int) []byte {
	a, b := []byte("a"), []byte("ab")
	for len(b) < n {
		a, b = b, append(bytes.Clone(b), a...)
	}
	return b[:n]
}

func thueMorse(n int) []byte {
	b := []byte{0}
	for len(b) < n {
		for _, c := range b {
			b = append(b, 1-c)
		}
	}
	return b[:n]
}
