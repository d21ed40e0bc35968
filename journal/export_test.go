package journal

// Disk is what a File needs of the file that it is in.
type Disk = disk

// Intercept puts a Disk before the one that j writes to.
func (j *File) Intercept(wrap func(Disk) Disk) { j.lines.disk = wrap(j.lines.disk) }

// OpenOn opens a journal that is no file, for as long as neither its place nor its end matters.
func OpenOn(d Disk) (*File, error) {
	j := &File{lines: lines{disk: d}}
	return j, j.replay()
}
