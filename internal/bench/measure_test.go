package bench_test

import (
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How much of the machine others may use in a round: nothing but noise where
// all work is in this process, and anything where a server works for us.
const (
	alone      = 0.2
	withServer = 1.0
)

// rounds is how often a figure and its floor take turns.
const rounds = 5

// A pace is how many things were done in a second of time, and in a second of
// this process's work, which others on the machine slow down less.
type pace struct{ wall, cpu float64 }

// perSecond is the pace of so many things done by do.
func perSecond(things int, do func()) pace {
	began, own := time.Now(), ownTime()
	do()
	return pace{float64(things) / time.Since(began).Seconds(), float64(things) / (ownTime() - own)}
}

// A figure is one measured pace with its floor.
type figure struct{ ours, floor []pace }

// turns lets a figure and its floor take turns, and throws away the rounds in
// which others used more than a share of the machine.
func turns(b *testing.B, share float64, ours, floor func(round int) pace) figure {
	b.Helper()
	var f figure
	for round := range rounds {
		var o, l pace
		others := othersDuring(func() { o, l = ours(round), floor(round) })
		if others > share && round < rounds-1 || others > share && len(f.ours) > 0 {
			b.Logf("round %d thrown away: others used %.0f%% of the machine (%.0f to %.0f; by own work %.0f to %.0f)",
				round, 100*others, o.wall, l.wall, o.cpu, l.cpu)
			continue
		}
		f.ours, f.floor = append(f.ours, o), append(f.floor, l)
	}
	return f
}

func (f figure) report(b *testing.B, unit string) {
	b.Helper()
	wall := func(p pace) float64 { return p.wall }
	cpu := func(p pace) float64 { return p.cpu }
	o, l := medianOf(f.ours, wall), medianOf(f.floor, wall)
	b.ReportMetric(o, unit)
	b.ReportMetric(l, "floor-"+unit)
	b.ReportMetric(o/l, "ratio")
	b.ReportMetric(medianOf(f.ours, cpu)/medianOf(f.floor, cpu), "ratio-by-own-work")
	b.ReportMetric(0, "ns/op")
}

func medianOf(all []pace, of func(pace) float64) float64 {
	v := make([]float64, len(all))
	for i, p := range all {
		v[i] = of(p)
	}
	return median(v)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// othersDuring gives the share of the machine's time that other processes
// used while do ran.
func othersDuring(do func()) float64 {
	busy, own, began := machineBusy(), ownTime(), time.Now()
	do()
	wall := time.Since(began).Seconds() * 2 // two cores
	others := (machineBusy() - busy) - (ownTime() - own)
	return max(0, others/wall)
}

// machineBusy is how many seconds all cores have worked (proc_stat(5)).
func machineBusy() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(strings.SplitN(string(text), "\n", 2)[0])
	sum := 0.0
	for _, i := range []int{1, 2, 3, 6, 7} { // user, nice, system, irq, softirq
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return 0
		}
		sum += n / 100
	}
	return sum
}

func ownTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// forgetPeak gives back what is not in use, and lets the peak begin anew
// (proc(5), clear_refs).
func forgetPeak(b *testing.B) {
	b.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}

// peak is the most memory that this process had, in MiB (proc(5), VmHWM).
func peak(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
