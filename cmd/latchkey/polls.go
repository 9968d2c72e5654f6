package main

import (
	"fmt"
	"log/slog"
	"strconv"
)

// auto asks for as many held polls as the limit of open files allows.
const auto = "auto"

// pollLimits bound the held polls (contract.md §4).
type pollLimits struct {
	all       int // 0: auto
	perClient int // of one client network
}

// resolve gives the limits with auto replaced by a number, for a process that may have so many files open; 0 files is no
// limit that is known. It warns of a limit that the files do not allow.
func (l pollLimits) resolve(files int, log *slog.Logger) pollLimits {
	switch most := pollsFor(files); {
	case files == 0: // and so 0 polls: any number
	case l.all == 0:
		l.all = most
	case l.all > most:
		log.Warn("more held polls than open files allow: raise the limit (ulimit -n, LimitNOFILE=), or logins wait when files run out",
			"max_polls", l.all, "open_files", files, "allowed", most)
	}
	return l
}

// pollsFor is how many polls so many files allow. A tenth, and 1,024 at least, is kept for those who log in, for the
// store and for mail: a poll that is refused comes again, a login that finds no file does not.
func pollsFor(files int) int {
	const least = 1024
	return files - min(max(least, files/10), files/2)
}

// polls judges --max-polls and --max-polls-per-client.
func (j *judge) polls(all, perClient string) (l pollLimits) {
	if all != auto {
		l.all = j.count("max-polls", all, "or "+auto)
	}
	l.perClient = j.count("max-polls-per-client", perClient, "such as 256")
	return l
}

func (j *judge) count(setting, v, or string) int {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		j.wrong(setting, fmt.Sprintf("is %q", v), "it is a number from 1, "+or)
	}
	return n
}
