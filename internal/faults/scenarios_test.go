//go:build cgo

package faults

import "maps"

// scenarios returns what is played for each row.
func scenarios() map[int]func(*Scene) {
	scenes := map[int]func(*Scene){
		1: row1, 2: row2, 3: row3, 4: row4, 5: row5, 6: row6, 7: row7, 8: row8,
		9: row9, 10: row10, 11: row11, 12: row12, 13: row13, 14: row14, 15: row15, 16: row16,
		17: row17, 18: row18, 19: row19, 20: row20, 21: row21, 22: row22, 23: row23, 24: row24,
		25: row25, 26: row26, 27: row27, 28: row28, 29: row29, 30: row30, 31: row31, 32: row32,
		33: row33, 34: row34, 35: row35, 36: row36, 37: row37, 38: row38, 39: row39, 40: row40,
		41: row41, 42: row42, 43: row43, 44: row44, 45: row45, 46: row46, 47: row47, 48: row48,
		49: row49, 50: row50, 51: row51, 52: row52, 53: row53, 54: row54, 55: row55, 56: row56,
		57: row57, 58: row58, 59: row59, 60: row60, 61: row61, 63: row63, 64: row64, 65: row65,
		66: row66, 67: row67, 68: row68, 72: row72, 73: row73, 74: row74,
	}
	maps.Copy(scenes, inside())
	return scenes
}

// alone are the rows beside which none may run: 72 counts what is left, 69 kills processes
// with a second fleet, 74 starts more cameras than all others have, 75 sets the clock of
// all.
func alone() []int { return []int{69, 72, 74, 75} }
