// Command invoices reminds customers of their unpaid invoices, from the rows of a real database.
// The first run goes wrong in three ways, and the second one sends the rest. See invoices.go for
// the program, and main.go for the database and the sandbox around it.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver

	"github.com/go-smslink/smslink/smslinktest"
)

func main() {
	folder, err := os.MkdirTemp("", "invoices")
	if err != nil {
		log.Fatal(err)
	}
	err = run(os.Stdout, folder)
	_ = os.RemoveAll(folder)
	if err != nil {
		log.Fatal(err)
	}
}

// open makes a database with a thousand invoices. A quarter of them are paid, and a spreadsheet has
// spoiled the number of one.
func open(folder string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", filepath.Join(folder, "shop.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err == nil {
		_, err = db.Exec(invoices)
	}
	return db, err
}

const invoices = `
	CREATE TABLE invoice (id INTEGER PRIMARY KEY, phone TEXT, amount INTEGER, paid BOOLEAN, sms TEXT, remote TEXT);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
	INSERT INTO invoice SELECT i, printf('07%08d', i), i % 300, i % 4 = 0, NULL, NULL FROM n;
	UPDATE invoice SET phone = '7.12346E+08' WHERE id = 1`

// run makes two runs over the same invoices, with the same journal.
func run(out io.Writer, folder string) error {
	db, err := open(folder)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	gateway := smslinktest.NewGateway(nil) // in place of the live one
	defer gateway.Close()

	gateway.Inject(smslinktest.Fault{}, smslinktest.LoseReply(), smslinktest.Reject("3", "user suspended"))
	for n := range 2 {
		inDoubt, err := remind(context.Background(), gateway.Client(), db, filepath.Join(folder, "november.journal"))
		fmt.Fprintf(out, "run %d: %d in doubt; %v\n", n+1, inDoubt, err)
		if err := report(out, db); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, len(gateway.Messages()), "messages arrived, each once")
	return nil
}

// report prints how many unpaid invoices have which outcome. A run that stops reads no further.
func report(out io.Writer, db *sql.DB) error {
	rows, err := db.Query(`SELECT count(*), coalesce(sms, 'not sent') AS outcome FROM invoice WHERE NOT paid GROUP BY outcome ORDER BY min(id)`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var count int
		var outcome string
		if err := rows.Scan(&count, &outcome); err != nil {
			return err
		}
		fmt.Fprintf(out, "%6d %s\n", count, outcome)
	}
	return rows.Err()
}
