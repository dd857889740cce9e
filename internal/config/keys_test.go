// SPDX-License-Identifier: Apache-2.0

package config

import (
	"go/ast"
	"go/types"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// fieldKey names a field of a type of ours.
type fieldKey struct{ pkg, owner, field string }

// TestEveryKeyIsRead walks the configuration and finds, for each key, code that reads it: an option that is parsed and ignored is a promise that is
// not kept. Checking a value and giving it a default is no use of it.
func TestEveryKeyIsRead(t *testing.T) {
	read := fieldsRead(t)
	n := 0
	walkKeys(reflect.TypeFor[Config](), "", func(path string, key fieldKey) {
		n++
		if !read[key] {
			t.Errorf("%s: nothing reads %s.%s.%s", path, key.pkg, key.owner, key.field)
		}
	})
	require.Greater(t, n, 80)
}

func walkKeys(typ reflect.Type, path string, leaf func(path string, key fieldKey)) {
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		at := strings.TrimPrefix(path+"."+name, ".")
		if f.Type.Kind() == reflect.Struct {
			walkKeys(f.Type, at, leaf)
			continue
		}
		leaf(at, fieldKey{typ.PkgPath(), typ.Name(), f.Name})
	}
}

// fieldsRead are the fields that a selector names in code that is no test, outside of functions that validate or make defaults.
func fieldsRead(t *testing.T) map[fieldKey]bool {
	t.Helper()
	pkgs, err := packages.Load(&packages.Config{
		Dir: "../..", Context: t.Context(),
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedExportFile,
	}, "./cmd/strata", "./internal/...", "./ingest/...", "./storage/...", "./query/...", "./alerting/...", "./fleet")
	require.NoError(t, err)
	require.Greater(t, len(pkgs), 20)
	read := make(map[fieldKey]bool)
	for _, p := range pkgs {
		require.Empty(t, p.Errors, p.PkgPath)
		for _, file := range p.Syntax {
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && settingUp(f.Name.Name) {
					continue
				}
				ast.Inspect(decl, func(n ast.Node) bool {
					if sel, ok := n.(*ast.SelectorExpr); ok {
						note(p.TypesInfo, sel, read)
					}
					return true
				})
			}
		}
	}
	return read
}

func settingUp(function string) bool {
	name := strings.ToLower(function)
	return strings.HasPrefix(name, "valid") || strings.HasPrefix(name, "default")
}

func note(info *types.Info, sel *ast.SelectorExpr, read map[fieldKey]bool) {
	s := info.Selections[sel]
	if s == nil || s.Kind() != types.FieldVal {
		return
	}
	recv := s.Recv()
	if ptr, ok := recv.(*types.Pointer); ok {
		recv = ptr.Elem()
	}
	if named, ok := recv.(*types.Named); ok && named.Obj().Pkg() != nil {
		read[fieldKey{named.Obj().Pkg().Path(), named.Obj().Name(), s.Obj().Name()}] = true
	}
}
