package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// quantile returns the value below which the part q of the values lies (nearest
// rank), NaN without any.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// each lists the values of all repeats.
func each(values []float64) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = number(v)
	}
	return strings.Join(parts, " ")
}

// spread describes a distribution in a row's detail.
func spread(values []float64) string {
	return fmt.Sprintf("n %d, min %s, max %s", len(values), number(quantile(values, 0)), number(quantile(values, 1)))
}
