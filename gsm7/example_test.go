package gsm7_test

import (
	"fmt"

	"github.com/go-smslink/smslink/gsm7"
)

func ExampleMeasure() {
	m := gsm7.Measure("Ne vedem mâine!")
	fmt.Println(m.Alphabet, m.Segments, "segment,", m.Remaining, "units left")
	m = gsm7.Measure("Ne vedem maine!")
	fmt.Println(m.Alphabet, m.Segments, "segment,", m.Remaining, "units left")
	// Output:
	// UCS-2 1 segment, 55 units left
	// GSM-7 1 segment, 145 units left
}

func ExampleForeign() {
	for at, r := range gsm7.Foreign("O să fie înghețată 🍦") {
		fmt.Printf("%c at byte %d\n", r, at)
	}
	// Output:
	// ă at byte 3
	// î at byte 10
	// ț at byte 16
	// ă at byte 20
	// 🍦 at byte 23
}

func ExampleFold() {
	fmt.Println(gsm7.Fold("„Înghețată” – 3 €… și cafea 🍦"))
	// Output: "Inghetata" - 3 €... si cafea 🍦
}

func ExampleFoldIfFewer() {
	fmt.Println(gsm7.FoldIfFewer("Vă așteptăm!")) // one SMS in any case
	fmt.Println(gsm7.FoldIfFewer("Comanda dvs. a fost expediată și ajunge mâine, între orele 9 și 12. Vă mulțumim!"))
	// Output:
	// Vă așteptăm!
	// Comanda dvs. a fost expediata si ajunge maine, intre orele 9 si 12. Va multumim!
}
