package journal

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

const positionFile = "position"

// loadPosition reads how far a Reader came. The error is fs.ErrNotExist where
// none has come anywhere.
func loadPosition(directory string) (position, error) {
	path := filepath.Join(directory, positionFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return position{}, err
	}
	var at position
	if err := json.Unmarshal(text, &at); err != nil {
		return position{}, fmt.Errorf("%s: %w", path, err)
	}
	if at.Offset < 0 || at.Offset > 0 && at.Offset < headerSize {
		return position{}, fmt.Errorf("%s: offset %d is in the head of a segment", path, at.Offset)
	}
	return at, nil
}

// savePosition replaces the file as a whole, and returns when that is durable.
func savePosition(directory string, at position) error {
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return durable.WriteText(filepath.Join(directory, positionFile), 0o600, append(text, '\n'))
}
