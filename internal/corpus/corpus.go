// Package corpus makes messages for tests and benchmarks: what shops, clinics, banks and couriers
// send, the same on every run.
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

var names = []string{
	"Ștefan", "Ioana", "Andrei", "Mălina", "George", "Țuțea", "Elena", "Cătălin", "Ana-Maria", "Florin", "Crăciun", "Iulia", "Mihai",
	"Gheorghiță", "Bogdan", "Înșel", "Raluca", "Vlad", "Simona", "Răzvan",
}

// templates are the texts, each with its share of the messages in percent. More than half are
// codes. Many senders write without diacritics, which cost segments, and most offers name a
// percentage. The arguments: a name, a number of six digits, one of 32 bits, a day, a digit, an
// hour and one of eight digits.
var templates = []struct {
	share  int
	format string
}{
	{26, "Codul dvs. de confirmare este %[2]d. Nu îl comunicați nimănui."},
	{22, "Codul tau de autentificare este %[2]d si expira in %[6]d minute. Nu il da nimanui!"},
	{7, "%[2]d este codul pentru plata de %[4]d,%02[5]d lei la magazin.example. Daca nu ai initiat plata, suna la banca."},
	{14, "Bună, %[1]s! Comanda %[2]d a fost predată curierului. Urmăriți-o: https://magazin.example/c/%[3]x"},
	{6, "Coletul %[3]d ajunge azi intre %[6]d:00 si %[6]d:59. Ramburs: %[4]d,%02[5]d lei. Curier: 07%08[7]d"},
	{10, "%[1]s, vă reamintim programarea din %[4]d.%[5]d la ora %[6]d:30. Pentru anulare răspundeți NU."},
	{8, "Factura %[2]d în valoare de %[4]d,%02[5]d lei este scadentă în %[6]d zile. Mulțumim!"},
	{5, "Doar azi: reducere de %[5]d0%% la toate produsele; detalii pe https://magazin.example/o/%[3]x"},
	{2, "%[1]s, ai %[4]d lei cadou la comenzi peste 150 de lei, pana duminica. Codul tau: %[3]X"},
}

// Messages returns the first n messages. Their ids start at 1.
func Messages(n int) []Message {
	random := rand.New(rand.NewPCG(20, 26))
	all := make([]Message, n)
	for i := range all {
		all[i] = Message{
			ID: int64(i + 1),
			To: fmt.Sprintf("+407%08d", random.IntN(100_000_000)),
			Text: fmt.Sprintf(template(random.IntN(100)), names[random.IntN(len(names))],
				100_000+random.IntN(900_000), random.Uint32(), 1+random.IntN(28), 1+random.IntN(9), 8+random.IntN(10), random.IntN(100_000_000)),
		}
	}
	return all
}

// Lines returns the first size bytes of a package of the corpus, a line a message.
func Lines(size int) []byte {
	var plain []byte
	for _, m := range Messages(size/80 + 1) {
		plain = fmt.Appendf(plain, "%d;%s;numeric;%s;0\r\n", m.ID, m.To, m.Text)
	}
	return plain[:size]
}

// template returns the text of a message, chosen by a number below 100.
func template(at int) string {
	for _, t := range templates {
		if at -= t.share; at < 0 {
			return t.format
		}
	}
	panic("the shares do not sum up to 100")
}
