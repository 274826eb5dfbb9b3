package benchmark

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
)

// table reads a CSV file as rows by column name, which must have the columns.
func table(path string, columns ...string) ([]map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readTable(path, file, columns)
}

func readTable(path string, text io.Reader, columns []string) ([]map[string]string, error) {
	records, err := csv.NewReader(text).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(records) < 2 {
		return nil, fmt.Errorf("%s: holds no row", path)
	}
	for _, column := range columns {
		if !slices.Contains(records[0], column) {
			return nil, fmt.Errorf("%s:1: there is no column %s", path, column)
		}
	}
	rows := make([]map[string]string, len(records)-1)
	for i, record := range records[1:] {
		rows[i] = map[string]string{}
		for k, name := range records[0] {
			rows[i][name] = record[k]
		}
	}
	return rows, nil
}
