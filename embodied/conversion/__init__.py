"""What earlier versions left on a disk, made new: one file for each kind of folder, `KINDS` for all of them."""
