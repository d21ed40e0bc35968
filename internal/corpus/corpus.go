// Package corpus makes the one corpus of all benchmarks: what shops, clinics,
// banks and couriers send, the same on every run.
package corpus

import (
	"fmt"
	"math/rand/v2"
)

// Message is a message of the corpus.
type Message struct {
	ID       int64
	To, Text string
}

var (
	names = []string{
		"Ștefan", "Ioana", "Andrei", "Mălina", "George", "Țuțea", "Elena", "Cătălin", "Ana-Maria", "Florin", "Crăciun", "Iulia", "Mihai",
		"Gheorghiță", "Bogdan", "Înșel", "Raluca", "Vlad", "Simona", "Răzvan",
	}
	templates = []string{
		"Codul dvs. de confirmare este %[2]d. Nu îl comunicați nimănui.",
		"Bună, %[1]s! Comanda %[2]d a fost predată curierului. Urmăriți-o: https://magazin.example/c/%[3]x",
		"%[1]s, vă reamintim programarea din %[4]d.%[5]d la ora %[6]d:30. Pentru anulare răspundeți NU.",
		"Factura %[2]d în valoare de %[4]d,%[5]02d lei este scadentă în %[6]d zile. Mulțumim!",
		"Doar azi: reducere de %[5]d0%% la toate produsele; detalii pe https://magazin.example/o/%[3]x",
	}
)

// Messages makes the first n messages, their ids from 1.
func Messages(n int) []Message {
	random := rand.New(rand.NewPCG(20, 26))
	all := make([]Message, n)
	for i := range all {
		all[i] = Message{
			ID: int64(i + 1),
			To: fmt.Sprintf("+407%08d", random.IntN(100_000_000)),
			Text: fmt.Sprintf(templates[random.IntN(len(templates))], names[random.IntN(len(names))],
				100_000+random.IntN(900_000), random.Uint32(), 1+random.IntN(28), 1+random.IntN(9), 8+random.IntN(10)),
		}
	}
	return all
}
