package journal

// Disk is what a File needs of the file that it is in.
type Disk = disk

// Intercept puts a Disk before the one that j writes to.
func (j *File) Intercept(wrap func(Disk) Disk) { j.lines.disk = wrap(j.lines.disk) }

// OpenOn opens a journal on a disk that has no files: Intend and Close can't be called.
func OpenOn(d Disk) (*File, error) {
	j := &File{lines: lines{disk: d}, states: newStates()}
	return j, j.replay()
}

// Add is Intend without the look at the file's place.
func (j *File) Add(ids []int64) error { return j.change(&record{run: true, intend: ids}) }
