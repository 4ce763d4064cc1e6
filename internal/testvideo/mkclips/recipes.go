package main

// recipe says how one clip is drawn and coded. Its camera number is its place in
// the list, so new clips go to the end.
type recipe struct {
	name, note string
	camera     int
	encoder    string // libx264, libx265, libvpx, libvpx-vp9, mjpeg (of ffmpeg) or cjpeg (of libjpeg)
	width      int
	height     int
	fps        int
	frames     int
	pixFmt     string
	full       bool // full range instead of limited
	bt601      bool // BT.601 instead of BT.709
	interlaced bool // two moments per picture, top field first
	twoPass    bool // libvpx hides frames only when it has seen all of them before
	noise      int  // sensor noise, largest deviation in levels
	scene      scene
	colors     [][3]byte // for plain scenes
	args       []string  // encoder options after the common ones
}

// scene names what a recipe draws.
type scene int

const (
	sceneStreet scene = iota // moving street with bar code
	sceneBars                // colour bars with bar code
	scenePlain               // one colour, no bar code
)

// recipes lists all clips. Cameras 1 to 4 are the demo's.
func recipes() []recipe {
	x264 := func(params string, more ...string) []string {
		return append([]string{"-preset", "slow", "-x264-params", params}, more...)
	}
	list := []recipe{
		{
			name: "h264_720p", note: "demo camera, GOP 50, no B pictures", encoder: "libx264",
			width: 1280, height: 720, fps: 25, frames: 100, pixFmt: "yuv420p", noise: 4,
			args: x264("keyint=50:min-keyint=50:scenecut=0:bframes=0", "-b:v", "1400k"),
		},
		{
			name: "h264_1080p", note: "demo camera, GOP 25, no B pictures", encoder: "libx264",
			width: 1920, height: 1080, fps: 25, frames: 50, pixFmt: "yuv420p", noise: 4,
			args: x264("keyint=25:min-keyint=25:scenecut=0:bframes=0", "-b:v", "1800k"),
		},
		{
			name: "h265_720p", note: "demo camera, GOP 25, no B pictures", encoder: "libx265",
			width: 1280, height: 720, fps: 25, frames: 75, pixFmt: "yuv420p",
			args: x265("keyint=25:min-keyint=25:scenecut=0:bframes=0", "-crf", "26"),
		},
		{
			name: "mjpeg_480p", note: "demo camera", encoder: "mjpeg",
			width: 640, height: 480, fps: 10, frames: 20, pixFmt: "yuvj420p",
			args: []string{"-q:v", "5"},
		},
		{
			name: "h264_bframes", note: "three B pictures between references, GOP 50: output order differs from coding order", encoder: "libx264",
			width: 640, height: 360, fps: 25, frames: 60, pixFmt: "yuv420p",
			args: x264("keyint=50:min-keyint=50:scenecut=0:bframes=3:b-adapt=0:b-pyramid=0", "-crf", "28"),
		},
		{
			name: "h264_crop", note: "size is no multiple of 16: 638x358 cropped from 640x368", encoder: "libx264",
			width: 638, height: 358, fps: 25, frames: 10, pixFmt: "yuv420p",
			args: x264("keyint=25:bframes=0", "-crf", "28"),
		},
		{
			name: "h264_444_odd", note: "4:4:4 with an odd width and height", encoder: "libx264",
			width: 639, height: 359, fps: 25, frames: 10, pixFmt: "yuv444p",
			args: x264("keyint=25:bframes=0", "-crf", "28"),
		},
		{
			name: "h264_422", note: "4:2:2, 8 bits", encoder: "libx264",
			width: 640, height: 360, fps: 25, frames: 10, pixFmt: "yuv422p",
			args: x264("keyint=25:bframes=0", "-crf", "28"),
		},
		{
			name: "h264_high10", note: "High 10 profile, 4:2:0 with 10 bits", encoder: "libx264",
			width: 640, height: 360, fps: 25, frames: 10, pixFmt: "yuv420p10le",
			args: x264("keyint=25:bframes=0", "-crf", "28"),
		},
		{
			name: "h264_interlaced", note: "interlaced, top field first, one access unit per picture", encoder: "libx264",
			width: 640, height: 480, fps: 25, frames: 15, pixFmt: "yuv420p", interlaced: true,
			args: x264("tff=1:keyint=25:bframes=0", "-crf", "28"),
		},
		{
			name: "h264_slices", note: "52 slices in every picture", encoder: "libx264",
			width: 640, height: 360, fps: 25, frames: 10, pixFmt: "yuv420p",
			args: x264("slice-max-mbs=18:keyint=25:bframes=0", "-crf", "28"),
		},
		{
			name: "h264_intra_refresh", note: "one IDR at the start, then columns of intra blocks and recovery points", encoder: "libx264",
			width: 640, height: 360, fps: 25, frames: 60, pixFmt: "yuv420p",
			args: x264("intra-refresh=1:keyint=20:bframes=0", "-crf", "28"),
		},
		{
			name: "h265_main10", note: "Main 10 profile, 4:2:0 with 10 bits", encoder: "libx265",
			width: 640, height: 360, fps: 25, frames: 15, pixFmt: "yuv420p10le",
			args: x265("keyint=25:bframes=0", "-crf", "28"),
		},
		{
			name: "h265_bframes", note: "B pictures, open GOP: leading pictures after CRA", encoder: "libx265",
			width: 640, height: 360, fps: 25, frames: 40, pixFmt: "yuv420p",
			args: x265("keyint=20:min-keyint=20:scenecut=0:bframes=3:b-adapt=0:open-gop=1", "-crf", "28"),
		},
		{
			name: "mjpeg_restart", note: "a restart marker after every row of blocks", encoder: "mjpeg",
			width: 640, height: 480, fps: 10, frames: 5, pixFmt: "yuvj420p",
			args: []string{"-q:v", "5", "-threads", "2", "-thread_type", "slice"},
		},
		{
			name: "mjpeg_1440p", note: "wider than RFC 2435 can say (2040 pixels)", encoder: "mjpeg",
			width: 2560, height: 1440, fps: 5, frames: 2, pixFmt: "yuvj420p",
			args: []string{"-q:v", "8"},
		},
		{
			name: "mjpeg_422", note: "4:2:2, type 0 of RFC 2435", encoder: "cjpeg",
			width: 640, height: 360, fps: 10, frames: 4, pixFmt: "yuvj422p",
			args: []string{"-quality", "75", "-sample", "2x1", "-baseline"},
		},
		{
			name: "mjpeg_odd", note: "4:2:0 with an odd width and height", encoder: "mjpeg",
			width: 639, height: 359, fps: 10, frames: 3, pixFmt: "yuvj420p",
			args: []string{"-q:v", "5"},
		},
		{
			name: "h264_change_a", note: "first size of a resolution change", encoder: "libx264",
			width: 640, height: 360, fps: 25, frames: 25, pixFmt: "yuv420p",
			args: x264("keyint=25:bframes=0", "-crf", "30"),
		},
		{
			name: "h264_change_b", note: "second size of a resolution change", encoder: "libx264",
			width: 480, height: 272, fps: 25, frames: 25, pixFmt: "yuv420p",
			args: x264("keyint=25:bframes=0", "-crf", "30"),
		},
		{
			name: "color_bars_bt601_full", note: "eight bars in full-range BT.601, and tagged so", encoder: "libx264",
			width: 320, height: 240, fps: 25, frames: 5, pixFmt: "yuv420p",
			full: true, bt601: true, scene: sceneBars, colors: bars(),
			args: x264("keyint=25:bframes=0", "-qp", "4"),
		},
		{
			name: "color_bars_bt709", note: "eight bars in limited-range BT.709, and tagged so", encoder: "libx264",
			width: 320, height: 240, fps: 25, frames: 5, pixFmt: "yuv420p",
			scene: sceneBars, colors: bars(),
			args: x264("keyint=25:bframes=0", "-qp", "4"),
		},
	}
	for _, plain := range []struct {
		name string
		rgb  [3]byte
	}{
		{"white", [3]byte{255, 255, 255}},
		{"black", [3]byte{0, 0, 0}},
		{"red", [3]byte{255, 0, 0}},
		{"green", [3]byte{0, 255, 0}},
		{"blue", [3]byte{0, 0, 255}},
	} {
		list = append(list, recipe{
			name: "color_" + plain.name, note: "plain " + plain.name + " in limited-range BT.709, no bar code", encoder: "libx264",
			width: 320, height: 240, fps: 25, frames: 5, pixFmt: "yuv420p",
			scene: scenePlain, colors: [][3]byte{plain.rgb},
			args: x264("keyint=25:bframes=0", "-qp", "1"),
		})
	}
	return append(list, vpxRecipes()...)
}

func x265(params string, more ...string) []string {
	fixed := ":repeat-headers=1:pools=1:frame-threads=1:wpp=0:log-level=error"
	return append([]string{"-preset", "medium", "-x265-params", params + fixed}, more...)
}

// bars are the eight full colours, from the left, in the order of their luma.
func bars() [][3]byte {
	return [][3]byte{
		{255, 255, 255},
		{255, 255, 0},
		{0, 255, 255},
		{0, 255, 0},
		{255, 0, 255},
		{255, 0, 0},
		{0, 0, 255},
		{0, 0, 0},
	}
}
