// What cilium/ebpf answers to the CO-RE relocations of BPF objects on a kernel, as JSON lines:
//
//	cilium-answers VMLINUX [MODULE...] -- OBJECT...
//
// The relocations of each program are answered at once, as when the library loads it. If that fails, there is a line with the
// error, and then each is answered alone.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

type line struct {
	Object   string `json:"object"`
	Program  string `json:"program,omitempty"`
	Function string `json:"function,omitempty"`
	Slot     uint64 `json:"slot"` // of the instruction in the function
	Alone    bool   `json:"alone,omitempty"`
	Poison   bool   `json:"poison,omitempty"`
	Value    uint64 `json:"value"`
	Error    string `json:"error,omitempty"`
}

func keepID(btf.Type) (btf.TypeID, error) { return 1, nil }

func answer(into *line, fixup btf.COREFixup) {
	text := fixup.String()
	if strings.HasSuffix(text, "=poison") {
		into.Poison = true
	} else if _, err := fmt.Sscan(text[strings.Index(text, "->")+2:], &into.Value); err != nil {
		into.Error = text
	}
}

func program(name string, spec *ebpf.ProgramSpec, targets []*btf.Spec, base line, put func(line)) {
	var relocations []*btf.CORERelocation
	var places []line
	base.Program = name
	here, start := "", uint64(0)
	for walk := spec.Instructions.Iterate(); walk.Next(); {
		if symbol := walk.Ins.Symbol(); symbol != "" {
			here, start = symbol, uint64(walk.Offset)
		}
		if relocation := btf.CORERelocationMetadata(walk.Ins); relocation != nil {
			place := base
			place.Function, place.Slot = here, uint64(walk.Offset)-start
			relocations, places = append(relocations, relocation), append(places, place)
		}
	}
	fixups, err := btf.CORERelocate(relocations, targets, spec.ByteOrder, keepID)
	if err == nil {
		for number := range places {
			answer(&places[number], fixups[number])
			put(places[number])
		}
		return
	}
	base.Error = err.Error()
	put(base)
	for number, relocation := range relocations {
		places[number].Alone = true
		if one, err := btf.CORERelocate([]*btf.CORERelocation{relocation}, targets, spec.ByteOrder, keepID); err != nil {
			places[number].Error = err.Error()
		} else {
			answer(&places[number], one[0])
		}
		put(places[number])
	}
}

func main() {
	out := json.NewEncoder(os.Stdout)
	put := func(found line) {
		if err := out.Encode(found); err != nil {
			panic(err)
		}
	}
	vmlinux, err := btf.LoadSpec(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	targets, rest := []*btf.Spec{vmlinux}, os.Args[2:]
	for len(rest) > 0 && rest[0] != "--" {
		module, err := btf.LoadSplitSpec(rest[0], vmlinux)
		if err != nil {
			fmt.Fprintln(os.Stderr, rest[0], err)
			os.Exit(1)
		}
		targets, rest = append(targets, module), rest[1:]
	}
	for _, path := range rest[1:] {
		object, err := ebpf.LoadCollectionSpec(path)
		if err != nil {
			put(line{Object: path, Error: err.Error()})
			continue
		}
		for name, spec := range object.Programs {
			program(name, spec, targets, line{Object: path}, put)
		}
	}
}
