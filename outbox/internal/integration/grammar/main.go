// Command grammar holds statements to the grammar of MySQL 8, as Vitess reads it. It reads scripts
// as a JSON array of strings, and ends with an error if one of their statements is refused.
//
// It is a module of its own, outside go.work: Vitess wants a newer Go than the rest.
package main

import (
	"encoding/json"
	"log"
	"os"

	"vitess.io/vitess/go/vt/sqlparser"
)

func main() {
	log.SetFlags(0)
	var scripts []string
	if err := json.NewDecoder(os.Stdin).Decode(&scripts); err != nil {
		log.Fatal(err)
	}
	parser, err := sqlparser.New(sqlparser.Options{MySQLServerVersion: "8.0.40"})
	if err != nil {
		log.Fatal(err)
	}
	refused := 0
	for _, script := range scripts {
		statements, err := parser.SplitStatementToPieces(script)
		if err != nil {
			log.Print(err, ": ", script)
			refused++
		}
		for _, statement := range statements {
			if _, err := parser.ParseStrictDDL(statement); err != nil {
				log.Print(err, ": ", statement)
				refused++
			}
		}
	}
	if refused > 0 {
		log.Fatalf("%d refused", refused)
	}
}
