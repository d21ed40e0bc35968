package journal

// Disk is the part of an os.File that a File needs.
type Disk = disk

// Intercept wraps the Disk that j writes to.
func (j *File) Intercept(wrap func(Disk) Disk) { j.lines.disk = wrap(j.lines.disk) }

// OpenOn opens a journal on a Disk. Its Intend and Close can't be called.
func OpenOn(d Disk) (*File, error) {
	j := &File{lines: lines{disk: d}, states: newStates()}
	return j, j.replay()
}

// Add is Intend without the check of the file's path.
func (j *File) Add(ids []int64) error { return j.change(&record{run: true, intend: ids}) }
