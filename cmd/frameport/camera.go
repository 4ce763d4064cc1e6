package main

// cameraCmd groups the commands about cameras.
type cameraCmd struct {
	Add    cameraAddCmd    `cmd:"" help:"Add a camera."`
	Update cameraUpdateCmd `cmd:"" help:"Change a camera; only the given flags change."`
	Remove cameraRemoveCmd `cmd:"" aliases:"rm" help:"Remove cameras."`
	List   cameraListCmd   `cmd:"" aliases:"ls" help:"List cameras."`
	Show   cameraShowCmd   `cmd:"" help:"Show everything about one camera."`
	Watch  cameraWatchCmd  `cmd:"" help:"Show camera changes as they happen."`
}
