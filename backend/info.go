package backend

import (
	"github.com/frameport/frameport/decoder/avcodec"
	"github.com/frameport/frameport/media"
)

// Codecs are the codecs that this program can decode.
func Codecs() []media.Codec { return avcodec.Codecs() }

// Libraries are the native libraries in this program, with version and licence.
func Libraries() []string {
	return []string{avcodec.Version() + " (" + avcodec.License() + ")", "libjpeg-turbo (IJG, BSD)"}
}
