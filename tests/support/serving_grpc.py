"""The gRPC surface of :mod:`serving_server`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
from serving_core import ServingError
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

if TYPE_CHECKING:
    from serving_server import ServingServer


class _Service:
    def __init__(self, server: ServingServer) -> None:
        self.server = server

    def _answer(self, what: str, request: Any, context: Any) -> Any:

        fault = self.server.begin(what, request.model_spec.name)
        try:
            response = self.server.answer(what, request, fault)
        except ServingError as error:
            context.abort(grpc.StatusCode[error.code], error.message)
        finally:
            self.server.end()
        if fault is not None and fault.kind == "content":
            for proto in response.outputs.values():
                proto.ClearField("float_val")
                proto.ClearField("int_val")
                proto.tensor_content = b"\0\1\2"
        return response

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer("predict", request, context)

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer("metadata", request, context)

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answer("status", request, context)


class _Prediction(_Service, prediction_service_pb2_grpc.PredictionServiceServicer):
    pass


class _Models(_Service, model_service_pb2_grpc.ModelServiceServicer):
    pass


def start_grpc(server: ServingServer, port: int, pool: ThreadPoolExecutor) -> tuple[Any, int]:
    """Starts the gRPC surface and returns it with its port."""
    # The real server takes messages of any size.
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    surface = grpc.server(pool, options=[*options, ("grpc.so_reuseport", 0)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Prediction(server), surface
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(server), surface)
    bound = surface.add_insecure_port(f"127.0.0.1:{port}")
    surface.start()
    return surface, bound
