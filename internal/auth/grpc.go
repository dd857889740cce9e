// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// AuthenticateGRPC returns who sent the call, or the errors of AuthenticateHTTP.
func (s *Service) AuthenticateGRPC(ctx context.Context, l Listener) (Principal, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	var remote net.Addr
	ip := ""
	if p, ok := peer.FromContext(ctx); ok {
		remote = p.Addr
		if host, _, err := net.SplitHostPort(p.Addr.String()); err == nil {
			ip = host
		}
	}
	if values := md.Get("authorization"); len(values) > 0 {
		p, err := s.authorization(ctx, values)
		return p, s.failed(ip, err)
	}
	if s.localGRPC(md, remote, l) {
		return localPrincipal(), nil
	}
	return Principal{}, ErrNoCredentials
}

func (s *Service) admit(ctx context.Context, l Listener, scope Scope) (context.Context, error) {
	p, err := s.AuthenticateGRPC(ctx, l)
	if err != nil {
		return nil, StatusError(err)
	}
	if !p.Has(scope) {
		return nil, StatusError(ErrForbidden)
	}
	return NewContext(ctx, p), nil
}

// UnaryInterceptor lets calls pass whose principal has the scope, and puts the principal into their context.
func (s *Service) UnaryInterceptor(l Listener, scope Scope) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		ctx, err := s.admit(ctx, l, scope)
		if err != nil {
			return nil, err
		}
		return handle(ctx, req)
	}
}

// StatusError turns an error of authentication into a gRPC status.
func StatusError(err error) error {
	switch {
	case errors.Is(err, ErrNoCredentials), errors.Is(err, ErrBadCredentials):
		return status.Error(codes.Unauthenticated, err.Error())
	case errors.Is(err, ErrForbidden):
		return status.Error(codes.PermissionDenied, err.Error())
	case errors.Is(err, ErrTooManyAttempts):
		return status.Error(codes.Unauthenticated, err.Error())
	default:
		// The catalog failed and the data were not looked at: the sender keeps them.
		return status.Error(codes.Unavailable, "the catalog does not answer")
	}
}
