// Package xlsxtest makes workbooks for tests.
package xlsxtest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
)

// ChangePart returns a copy of the workbook in which that part is changed. It is an error if it is
// not.
func ChangePart(book []byte, name string, change func(string) string) ([]byte, error) {
	in, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		return nil, err
	}
	var changed bytes.Buffer
	out := zip.NewWriter(&changed)
	for _, f := range in.File {
		part, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		if f.Name == name {
			was := string(content)
			content = []byte(change(was))
			if string(content) == was {
				return nil, fmt.Errorf("%s has not changed", name)
			}
		}
		w, err := out.Create(f.Name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	return changed.Bytes(), nil
}
