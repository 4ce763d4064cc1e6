package main

// vpxRecipes are the clips in VP8, whose colour is always BT.601, and VP9.
func vpxRecipes() []recipe {
	args := func(more ...string) []string {
		return append([]string{"-deadline", "good", "-cpu-used", "2"}, more...)
	}
	plain := args("-auto-alt-ref", "0", "-lag-in-frames", "0", "-g", "25", "-keyint_min", "25", "-crf", "32", "-b:v", "700k")
	return []recipe{
		{
			name: "vp8_360p", note: "GOP 25, every frame shown", encoder: "libvpx",
			width: 640, height: 360, fps: 25, frames: 60, pixFmt: "yuv420p", args: plain,
		},
		{
			name: "vp8_odd", note: "an odd width and height", encoder: "libvpx",
			width: 479, height: 271, fps: 25, frames: 10, pixFmt: "yuv420p", args: plain,
		},
		{
			name: "vp9_360p", note: "GOP 25, every frame shown", encoder: "libvpx-vp9",
			width: 640, height: 360, fps: 25, frames: 60, pixFmt: "yuv420p", args: plain,
		},
		{
			name: "vp9_hidden", note: "superframes: hidden frames in front of shown ones, GOP 20", encoder: "libvpx-vp9",
			width: 640, height: 360, fps: 25, frames: 40, pixFmt: "yuv420p", twoPass: true,
			args: args("-auto-alt-ref", "1", "-lag-in-frames", "16", "-g", "20", "-keyint_min", "20", "-b:v", "300k"),
		},
		{
			name: "vp9_odd", note: "an odd width and height", encoder: "libvpx-vp9",
			width: 479, height: 271, fps: 25, frames: 10, pixFmt: "yuv420p", args: plain,
		},
		{
			name: "vp9_10bit", note: "profile 2, 4:2:0 with 10 bits", encoder: "libvpx-vp9",
			width: 640, height: 360, fps: 25, frames: 15, pixFmt: "yuv420p10le", args: plain,
		},
		{
			name: "vp9_444", note: "profile 1, 4:4:4", encoder: "libvpx-vp9",
			width: 640, height: 360, fps: 25, frames: 5, pixFmt: "yuv444p", args: plain,
		},
	}
}
