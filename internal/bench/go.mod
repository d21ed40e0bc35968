module github.com/go-smslink/smslink/internal/bench

go 1.25.0

// Never released: it only measures the root beside it.
replace github.com/go-smslink/smslink => ../..

require (
	github.com/dsnet/compress v0.0.1
	github.com/go-smslink/smslink v0.0.0-00010101000000-000000000000
	github.com/klauspost/compress v1.20.3
	gonum.org/v1/plot v0.16.0
)

require (
	codeberg.org/go-fonts/liberation v0.5.0 // indirect
	codeberg.org/go-latex/latex v0.1.0 // indirect
	codeberg.org/go-pdf/fpdf v0.10.0 // indirect
	git.sr.ht/~sbinet/gg v0.6.0 // indirect
	github.com/ajstarks/svgo v0.0.0-20211024235047-1546f124cd8b // indirect
	github.com/campoy/embedmd v1.0.0 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	golang.org/x/image v0.25.0 // indirect
	golang.org/x/text v0.23.0 // indirect
)
